//! The columns of both tables: headings, cells, widths and sort keys.

use std::cmp::Ordering;

use crate::cli::TopView;
use crate::views::Look;
use crate::views::table::{Layout, TableColumn, down};
use crate::views::text::rate;
use api::{Bound, Container, Parent, Process, Zombie};

/// A column of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// PID.
    Pid,
    /// Name.
    Comm,
    /// Number of zombies of a culprit.
    Zombies,
    /// Age of a culprit's oldest zombie.
    Oldest,
    /// New unreaped zombies per second.
    Leak,
    /// Children reaped, per second.
    Reaps,
    /// Verdict on whoever has to reap.
    Why,
    /// Median zombie time.
    P50,
    /// 99th percentile of zombie time.
    P99,
    /// Age of a zombie.
    Age,
    /// How it exited.
    Exit,
    /// The parent, which has to reap it.
    Parent,
    /// The forker, which created it.
    Forker,
    /// Its tracer.
    Tracer,
    /// Its workload.
    Workload,
}

/// The columns of a view, most important first: a narrow screen drops the last.
pub fn of(view: TopView) -> &'static [Column] {
    use Column::{
        Age, Comm, Exit, Forker, Leak, Oldest, P50, P99, Parent, Pid, Reaps, Tracer, Why, Workload,
        Zombies,
    };
    match view {
        TopView::Culprits => &[
            Pid, Comm, Zombies, Oldest, Leak, Reaps, Why, Workload, P50, P99,
        ],
        TopView::Zombies => &[Pid, Comm, Age, Exit, Parent, Workload, Forker, Tracer],
    }
}

impl TableColumn for Column {
    fn layout(self) -> Layout {
        match self {
            Self::Pid => Layout::right("PID", 7, 0),
            Self::Comm => Layout::left("COMM", 10, 5),
            Self::Zombies => Layout::right("ZOMBIES", 8, 0),
            Self::Oldest => Layout::right("OLDEST", 8, 1),
            Self::Leak => Layout::right("LEAK/s", 7, 0),
            Self::Reaps => Layout::right("REAPS/s", 8, 0),
            Self::Why => Layout::left("WHY", 16, 9),
            Self::P50 => Layout::right("P50", 6, 2),
            Self::P99 => Layout::right("P99", 6, 2),
            Self::Age => Layout::right("AGE", 8, 1),
            Self::Exit => Layout::left("EXIT", 8, 4),
            Self::Parent => Layout::left("PARENT", 12, 11),
            Self::Forker => Layout::left("FORKER", 12, 11),
            Self::Tracer => Layout::left("TRACER", 9, 14),
            Self::Workload => Layout::left("WORKLOAD", 10, 34),
        }
    }
}

impl Column {
    /// The cell in a culprit's row.
    pub fn of_culprit(self, parent: &Parent, look: Look) -> String {
        let oldest = Bound::lower(parent.oldest_is_lower_bound);
        match self {
            Self::Pid => parent.process.pid.to_string(),
            Self::Comm => look.clean(&parent.process.comm),
            Self::Zombies => parent.zombies.to_string(),
            Self::Oldest => look.maybe(parent.oldest_seconds, oldest),
            Self::Leak => rate(parent.leaked_per_second),
            Self::Reaps => rate(parent.reaped_per_second),
            Self::Why => look.why(parent.verdict.as_ref()),
            Self::Workload => look.workload(parent.container.as_ref()),
            Self::P50 => look.maybe(parent.p50_seconds, Bound::Exact),
            Self::P99 => look.maybe(parent.p99_seconds, Bound::Exact),
            _ => String::new(),
        }
    }

    /// The cell in a zombie's row.
    pub fn of_zombie(self, zombie: &Zombie, look: Look) -> String {
        match self {
            Self::Pid => zombie.pid.to_string(),
            Self::Comm => look.clean(&zombie.comm),
            Self::Age => look.bounded(
                zombie.zombie_seconds,
                Bound::lower(zombie.age_is_lower_bound),
            ),
            Self::Exit => look.exit(zombie.exit.as_ref()),
            Self::Parent => look.process(zombie.parent.as_ref()),
            Self::Forker => look.process(zombie.forker.as_ref()),
            Self::Tracer => look.process(zombie.tracer.as_ref()),
            Self::Workload => look.workload(zombie.container.as_ref()),
            Self::Why => look.why(zombie.verdict.as_ref()),
            _ => String::new(),
        }
    }

    /// Order of two culprits by this column: worst first; names and PIDs ascending.
    pub fn order_culprits(self, a: &Parent, b: &Parent) -> Ordering {
        match self {
            Self::Comm => a.process.comm.cmp(&b.process.comm),
            Self::Zombies => b.zombies.cmp(&a.zombies),
            Self::Oldest => down(a.oldest_seconds, b.oldest_seconds),
            Self::Leak => down(Some(a.leaked_per_second), Some(b.leaked_per_second)),
            Self::Reaps => down(Some(a.reaped_per_second), Some(b.reaped_per_second)),
            Self::Why => {
                let [a, b] = [a, b].map(|parent| parent.verdict.as_ref().map(|why| &why.id));
                // Those with a verdict come first.
                (a.is_none(), a).cmp(&(b.is_none(), b))
            }
            Self::Workload => place(a.container.as_ref()).cmp(&place(b.container.as_ref())),
            Self::P50 => down(a.p50_seconds, b.p50_seconds),
            Self::P99 => down(a.p99_seconds, b.p99_seconds),
            _ => a.process.pid.cmp(&b.process.pid),
        }
    }

    /// Order of two zombies by this column.
    pub fn order_zombies(self, a: &Zombie, b: &Zombie) -> Ordering {
        let by = |f: fn(&Zombie) -> Option<&Process>| {
            // Those with a tracer come first.
            let key = |zombie| f(zombie).map(|process| (&process.comm, process.pid));
            match (key(a), key(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        };
        match self {
            Self::Comm => a.comm.cmp(&b.comm),
            Self::Age => down(Some(a.zombie_seconds), Some(b.zombie_seconds)),
            Self::Exit => exit_key(a).cmp(&exit_key(b)),
            Self::Parent => by(|zombie| zombie.parent.as_ref()),
            Self::Forker => by(|zombie| zombie.forker.as_ref()),
            Self::Tracer => by(|zombie| zombie.tracer.as_ref()),
            Self::Workload => place(a.container.as_ref()).cmp(&place(b.container.as_ref())),
            _ => a.pid.cmp(&b.pid),
        }
    }
}

/// Those without a workload come last.
fn place(container: Option<&Container>) -> (bool, String) {
    let plain = Look {
        color: false,
        ascii: false,
    };
    (container.is_none(), plain.workload(container))
}

fn exit_key(zombie: &Zombie) -> Option<(&str, Option<&str>, Option<u8>)> {
    let exit = zombie.exit.as_ref()?;
    Some((exit.kind.as_str(), exit.signal.as_deref(), exit.code))
}

/// The columns that fit into `room` characters, separated by two blanks, with their widths.
pub fn fit<C: TableColumn>(columns: &[C], room: usize) -> Vec<(C, usize)> {
    const GAP: usize = 2;
    let mut used = 0;
    let mut fitting = Vec::new();
    for &column in columns {
        let least = column.layout().least;
        let gap = if fitting.is_empty() { 0 } else { GAP };
        // The first always stays, truncated if necessary.
        if used + gap + least > room && !fitting.is_empty() {
            break;
        }
        used += gap + least;
        fitting.push((column, least));
    }
    let mut spare = room.saturating_sub(used);
    for (column, width) in &mut fitting {
        let more = column.layout().more.min(spare);
        *width += more;
        spare -= more;
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_columns_fit_110_and_the_most_important_fit_80() {
        let all = |view, room| fit(of(view), room).len() == of(view).len();
        assert!(all(TopView::Zombies, 99));
        assert!(all(TopView::Culprits, 109));
        let last = |view| fit(of(view), 79).last().map(|(column, _)| *column);
        assert_eq!(last(TopView::Culprits), Some(Column::Why));
        assert_eq!(last(TopView::Zombies), Some(Column::Forker));
    }

    #[test]
    fn narrow_screens_keep_the_first_columns() {
        let kept: Vec<_> = fit(of(TopView::Culprits), 40)
            .iter()
            .map(|(c, _)| c.layout().head)
            .collect();
        assert_eq!(kept, ["PID", "COMM", "ZOMBIES", "OLDEST"]);
        assert_eq!(fit(of(TopView::Zombies), 0).len(), 1);
    }
}
