//! The live view of one host: culprits and zombies.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use ratatui::text::Line;

use crate::cli::{TopView, ViewName};
use crate::client::Source;
use crate::views::columns::{self, Column};
use crate::views::text::{count, rate};
use crate::views::zombies::{self, missing, unlisted};
use crate::views::{Look, pids};
use api::{Document, Parent, Top, TopQuery, Zombie};

use super::detail;
use super::frame::{Exits, Feed, Figures, Given, TopFrame, Words};
use super::identity::Identity;
use model::filter::{Field, Filter, Row};

impl Feed for Source {
    type Frame = Document<Top>;

    fn label(&self) -> String {
        self.label()
    }

    async fn frame(&self) -> anyhow::Result<Document<Top>> {
        let document = self.ask(TopQuery::default()).await?.answer;
        anyhow::ensure!(
            document.items.len() == 1,
            "the {} gave {} frames instead of one",
            self.label(),
            document.items.len()
        );
        Ok(document)
    }
}

/// The frame's only item.
pub fn top(frame: &Document<Top>) -> &Top {
    // `Source::top` checks that there is exactly one.
    &frame.items[0]
}

impl TopFrame for Document<Top> {
    type View = TopView;
    type Column = Column;
    type Identity = Identity;

    const VIEWS: [(TopView, &'static str, ViewName); 2] = [
        (TopView::Culprits, "Culprits", ViewName::Culprits),
        (TopView::Zombies, "Zombies", ViewName::Zombies),
    ];
    const FIELDS: &'static [Field] = &[
        Field::Pid,
        Field::Comm,
        Field::Parent,
        Field::Zombies,
        Field::Age,
        Field::Leak,
        Field::Reaps,
    ];
    const WORDS: Words = Words {
        row: "process",
        search: "a name or PID",
        filter: "oldest>10s and comm~java",
        copied: "PID",
        stuck: " (see: reapwatch stuck)",
        notes: &[
            "OLDEST and AGE are the time since death, not since start. A value with >= or ≥ is a \
             lower bound: the process died before the agent started.",
            "LEAK/s: children that died and were not reaped; REAPS/s: children reaped; both over \
             the last minute. P50, P99: zombie time of the reaped ones.",
            "A question mark in WHY marks a guess: the process was watched too briefly. STUCK: \
             killed or exiting, but not a zombie yet.",
        ],
    };

    fn at(&self) -> String {
        self.head.at.to_string()
    }

    fn place(&self, look: Look) -> Vec<String> {
        let head = &self.head;
        [&head.host, &head.kernel, head.source.as_str()]
            .map(|words| look.clean(words))
            .to_vec()
    }

    fn figures(&self, _: Look) -> Figures {
        let summary = &top(self).summary;
        Figures {
            zombies: count(summary.zombies, "zombie"),
            worth_a_look: summary.zombies > 0,
            stuck: summary.stuck,
            lost: self.head.lost_events,
        }
    }

    fn alarms(&self, look: Look) -> Vec<String> {
        let top = top(self);
        let alarm = pids::alarm(&top.pids).map(|it| pids::line(it, look));
        let unlisted = unlisted(self.head.unlisted_zombies);
        alarm
            .into_iter()
            .chain(unlisted)
            .chain(hidden(top))
            .collect()
    }

    fn exits_since(&self, earlier: &Self) -> Exits {
        let (old, new) = (&top(earlier).summary, &top(self).summary);
        let seconds = new.uptime_seconds.0 - old.uptime_seconds.0;
        if seconds < 0.0 || new.exits_total < old.exits_total {
            Exits::Anew
        } else if seconds > 0.0 {
            Exits::PerSecond((new.exits_total - old.exits_total) as f64 / seconds)
        } else {
            Exits::Unknown
        }
    }

    fn rows(&self, view: TopView) -> usize {
        match view {
            TopView::Culprits => top(self).parents.len(),
            TopView::Zombies => top(self).zombies.len(),
        }
    }

    fn identity(&self, view: TopView, row: usize) -> Identity {
        match view {
            TopView::Culprits => Identity::of(&top(self).parents[row].process),
            TopView::Zombies => Identity::of_zombie(&top(self).zombies[row]),
        }
    }

    fn copied(who: &Identity) -> String {
        who.pid.to_string()
    }

    fn passing(&self, view: TopView, filter: &Filter) -> Vec<usize> {
        let Top {
            parents, zombies, ..
        } = top(self);
        match view {
            TopView::Culprits => (0..parents.len())
                .filter(|&i| filter.matches(&culprit_row(&parents[i])))
                .collect(),
            TopView::Zombies => {
                let by_pid = parents
                    .iter()
                    .map(|parent| (parent.process.pid, parent))
                    .collect();
                (0..zombies.len())
                    .filter(|&i| filter.matches(&zombie_row(&zombies[i], &by_pid)))
                    .collect()
            }
        }
    }

    fn finds(&self, view: TopView, row: usize, wanted: &str) -> bool {
        let (pid, comm) = match view {
            TopView::Culprits => {
                let process = &top(self).parents[row].process;
                (process.pid, &process.comm)
            }
            TopView::Zombies => {
                let zombie = &top(self).zombies[row];
                (zombie.pid, &zombie.comm)
            }
        };
        comm.to_lowercase().contains(wanted) || pid.to_string().starts_with(wanted)
    }

    fn columns(view: TopView) -> &'static [Column] {
        columns::of(view)
    }

    fn idle(&self, _: TopView) -> &'static [Column] {
        let untraced = top(self).zombies.iter().all(|it| it.tracer.is_none());
        if untraced { &[Column::Tracer] } else { &[] }
    }

    fn sorts(view: TopView) -> &'static [Column] {
        match view {
            TopView::Culprits => &[Column::Zombies, Column::Oldest, Column::Reaps, Column::Pid],
            TopView::Zombies => &[Column::Age, Column::Pid],
        }
    }

    fn order(&self, view: TopView, column: Column, a: usize, b: usize) -> Ordering {
        let Top {
            parents, zombies, ..
        } = top(self);
        match view {
            TopView::Culprits => column.order_culprits(&parents[a], &parents[b]),
            TopView::Zombies => column.order_zombies(&zombies[a], &zombies[b]),
        }
    }

    fn cell(&self, view: TopView, column: Column, row: usize, look: Look) -> String {
        match view {
            TopView::Culprits => column.of_culprit(&top(self).parents[row], look),
            TopView::Zombies => column.of_zombie(&top(self).zombies[row], look),
        }
    }

    /// A parent without zombies is shown for comparison and is not a culprit.
    fn counts(&self, view: TopView, row: usize) -> bool {
        view == TopView::Zombies || top(self).parents[row].zombies > 0
    }

    fn strong(&self, view: TopView, column: Column, row: usize) -> bool {
        matches!(column, Column::Zombies | Column::Oldest)
            && view == TopView::Culprits
            && top(self).parents[row].zombies > 0
    }

    fn empty_text(&self, view: TopView, look: Look) -> String {
        let summary = &top(self).summary;
        let empty = match view {
            TopView::Zombies => "no zombies",
            TopView::Culprits => "no zombies, and no process reaped a child in the last minute",
        };
        format!(
            "{empty}: {} seen since reapwatch started {} ago",
            count(summary.exits_total, "exit"),
            look.duration(summary.uptime_seconds)
        )
    }

    fn detail(
        &self,
        look: Look,
        view: TopView,
        who: &Identity,
        width: usize,
    ) -> Vec<Line<'static>> {
        detail::lines(top(self), look, view, who, width)
    }

    fn head_text(&self, given: &Given<'_>) -> String {
        let (look, frame, summary) = (given.look, self, &top(self).summary);
        let exits = match given.exits_per_second {
            Some(per_second) => format!("{} exits/s", rate(per_second)),
            None => count(summary.exits_total, "exit"),
        };
        let stuck = match summary.stuck {
            0 => String::new(),
            stuck => format!("  {stuck} stuck"),
        };
        let mut text = format!(
            "{}  {}  {}  {}\n{}{stuck}  {exits}  {} reaped  up {}\n",
            frame.head.at,
            look.clean(&frame.head.host),
            look.clean(&frame.head.kernel),
            look.clean(frame.head.source.as_str()),
            count(summary.zombies, "zombie"),
            summary.reaped_total,
            look.duration(summary.uptime_seconds),
        );
        if let Some(filter) = given.filter {
            text.extend(["filter: ", &look.clean(filter.text()), "\n"]);
        }
        for full in top(self).pids.iter().filter(|it| pids::matters(it)) {
            text.extend([pids::line(full, look).as_str(), "\n"]);
        }
        text.extend(hidden(top(self)).map(|hidden| hidden + "\n"));
        text.push_str(&missing(&frame.head));
        text
    }

    fn table_text(&self, view: TopView, rows: &[usize], look: Look) -> Option<String> {
        (view == TopView::Zombies).then(|| {
            let zombies: Vec<_> = rows.iter().map(|&i| &top(self).zombies[i]).collect();
            zombies::table(&zombies, look)
        })
    }

    fn keep(mut self, [parents, zombies]: [Vec<usize>; 2]) -> Self {
        let top = &mut self.items[0];
        top.parents = kept(&top.parents, &parents);
        top.zombies = kept(&top.zombies, &zombies);
        self
    }
}

/// What the frame leaves out.
fn hidden(top: &Top) -> Option<String> {
    let parents = top.parents_total.saturating_sub(top.parents.len() as u64);
    let zombies = top.summary.zombies.saturating_sub(top.zombies.len() as u64);
    let hidden = [(parents, "parent"), (zombies, "zombie")];
    let hidden = hidden.into_iter().filter(|(number, _)| *number > 0);
    let hidden: Vec<_> = hidden.map(|(number, what)| count(number, what)).collect();
    let text = format!(
        "not shown: {}; `reapwatch culprits` and `reapwatch zombies` list all",
        hidden.join(", ")
    );
    Some(text).filter(|_| !hidden.is_empty())
}

/// Some of the items, in their order.
pub fn kept<T: Clone>(all: &[T], rows: &[usize]) -> Vec<T> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.into_iter().map(|i| all[i].clone()).collect()
}

fn culprit_row(parent: &Parent) -> Row<'_> {
    Row {
        pid: parent.process.pid,
        comm: Cow::Borrowed(&parent.process.comm),
        parent: Some((parent.process.pid, Cow::Borrowed(&parent.process.comm))),
        zombies: Some(parent.zombies),
        age: parent.oldest_seconds,
        leak: Some(parent.leaked_per_second),
        reaps: Some(parent.reaped_per_second),
        ..Row::default()
    }
}

/// A zombie has its parent's rates: `leak>1` then shows the zombies of leaking parents.
fn zombie_row<'a>(zombie: &'a Zombie, by_pid: &HashMap<u32, &'a Parent>) -> Row<'a> {
    let parent = zombie
        .parent
        .as_ref()
        .and_then(|parent| by_pid.get(&parent.pid));
    Row {
        pid: zombie.pid,
        comm: Cow::Borrowed(&zombie.comm),
        parent: zombie
            .parent
            .as_ref()
            .map(|parent| (parent.pid, Cow::Borrowed(&*parent.comm))),
        zombies: parent.map(|parent| parent.zombies),
        age: Some(zombie.zombie_seconds),
        leak: parent.map(|parent| parent.leaked_per_second),
        reaps: parent.map(|parent| parent.reaped_per_second),
        ..Row::default()
    }
}
