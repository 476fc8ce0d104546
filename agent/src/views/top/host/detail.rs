//! Details of a row: the story that `explain` tells, and what of it is in the frame.

use api::{Bound, Parent, WorkloadRow, Zombie};

use super::super::view::Identity;
use super::{Host, holder, workloads};
use crate::views::column::Column;
use crate::views::look::Look;
use crate::views::text::{count, folded, rate};
use crate::views::zombies::COLUMNS as ZOMBIES;
use crate::views::{explain, habits, table};

/// At most so many zombies of a process or workload are listed.
const LISTED: usize = 50;

/// The story of a process; until it is there, what the row says.
pub(super) fn process(
    host: &Host,
    who: &Identity,
    known: Option<String>,
    look: Look,
    width: usize,
) -> String {
    let Identity::Process { pid, start_time } = who else {
        return String::new();
    };
    let story = match &host.story {
        Some(Ok(story)) if story.story.pid == *pid => story,
        Some(Err(why)) => return why.clone(),
        _ => return known.unwrap_or_else(|| format!("PID {pid}")),
    };
    let process = story.story.process.as_ref();
    let found = process.and_then(|process| process.start_time);
    if start_time.is_some() && found.is_some() && found != *start_time {
        return format!("PID {pid} is another process now; the one you selected is gone.");
    }
    let plain = Look {
        color: false,
        ..look
    };
    let held = host.parent(*pid).map_or(0, |parent| parent.zombies);
    let page = folded(&explain::page(story, plain, width), width);
    let shown_above = ["WORKLOAD", "WHY", "TO DO", "PARENT"];
    let filter = format!("parent={pid}");
    let holds = |holder| holder == *pid;
    page + &zombies_of(host, holds, held, &filter, &shown_above, look)
}

/// One line on a parent.
pub(super) fn parent(it: &Parent, look: Look) -> String {
    format!(
        "{} (PID {}) holds {}, the oldest for {}",
        look.clean(&it.process.comm),
        it.process.pid,
        count(it.zombies, "zombie"),
        look.maybe(it.oldest_seconds, Bound::lower(it.oldest_is_lower_bound))
    )
}

/// One line on a zombie.
pub(super) fn zombie(it: &Zombie, look: Look) -> String {
    format!(
        "{} (PID {}) is a zombie for {}; {} has to reap it",
        look.clean(&it.comm),
        it.pid,
        look.bounded(it.zombie_seconds, Bound::lower(it.age_is_lower_bound)),
        look.process(it.parent.as_deref())
    )
}

/// A workload, its culprits, and the zombies that they hold.
pub(super) fn workload(
    host: &Host,
    who: &Identity,
    row: Option<&WorkloadRow>,
    look: Look,
    width: usize,
) -> String {
    let Some(row) = row else {
        let Identity::Named(name) = who else {
            return String::new();
        };
        return format!("{name} holds no zombies, and reaped nothing in the last minute.");
    };
    let mut text = format!(
        "{}\n  {} held by {}, the oldest for {}\n  reaps {} children per second, leaks {} zombies per second\n",
        workloads::name(row, look),
        count(row.zombies, "zombie"),
        processes(row.culprits),
        look.maybe(row.oldest_seconds, Bound::lower(row.oldest_is_lower_bound)),
        rate(row.reaped_per_second),
        rate(row.leaked_per_second),
    );
    let cgroup = row.container.as_ref().and_then(|it| it.cgroup.as_ref());
    if let Some(cgroup) = cgroup {
        text += &look.hanging("  cgroup  ", cgroup, width);
    }
    if let Some(pids) = &row.pids {
        text += &look.hanging("  ", &crate::views::pids::line(pids, look), width);
    }
    if let Some(Ok(it)) = &host.habits {
        text += &habits::lines(&it.habits, look, width);
    }
    let parents = host.top().parents.iter();
    let of_it = |it: &&Parent| {
        let cgroup = |it: Option<&api::Container>| it.and_then(|it| it.cgroup.clone());
        it.zombies > 0 && cgroup(it.container.as_ref()) == cgroup(row.container.as_ref())
    };
    let culprits: Vec<_> = parents.filter(of_it).collect();
    for it in &culprits {
        text.extend(["\n", &parent(it, look), "\n"]);
        if let Some(verdict) = &it.verdict {
            let why = format!("{} ({})", verdict.summary, verdict.confidence);
            text += &look.hanging("  why    ", &why, width);
            text += &look.hanging("  to do  ", &verdict.remedy, width);
        }
    }
    let holds = |pid| culprits.iter().any(|it| it.process.pid == pid);
    let shown_above = ["WORKLOAD", "WHY", "TO DO"];
    let parents = culprits.iter();
    let parents: Vec<_> = parents
        .map(|it| format!("parent={}", it.process.pid))
        .collect();
    let filter = parents.join(" or ");
    folded(&text, width) + &zombies_of(host, holds, row.zombies, &filter, &shown_above, look)
}

/// The zombies of these parents or tracers, which hold so many, and the filter that lists those which
/// the frame does not have. Columns that the page has above the list, for all of them, are not
/// repeated.
fn zombies_of(
    host: &Host,
    holds: impl Fn(u32) -> bool,
    held: u64,
    filter: &str,
    shown_above: &[&str],
    look: Look,
) -> String {
    let zombies = host.top().zombies.iter();
    let zombies = zombies.filter(|it| holder(it).is_some_and(|it| holds(it.pid)));
    let listed: Vec<_> = zombies.take(LISTED).collect();
    if held == 0 {
        return String::new();
    }
    let heading = format!("\n{} to reap\n", count(held, "zombie"));
    let plain = Look {
        color: false,
        ..look
    };
    let columns = ZOMBIES
        .iter()
        .filter(|it| !shown_above.contains(&it.layout.head));
    let columns: Vec<Column<Zombie>> = columns.copied().collect();
    let rows = match listed.len() {
        0 => String::new(),
        _ => table::text(&columns, listed.iter().copied(), false, plain),
    };
    let rows = rows.lines().flat_map(|row| ["  ", row, "\n"]);
    let rows: String = rows.collect();
    let more = match held.saturating_sub(listed.len() as u64) {
        0 => String::new(),
        more => format!("  {more} more: reapwatch zombies --filter '{filter}'\n"),
    };
    heading + &rows + &more
}

fn processes(number: u64) -> String {
    let noun = if number == 1 { "process" } else { "processes" };
    format!("{number} {noun}")
}
