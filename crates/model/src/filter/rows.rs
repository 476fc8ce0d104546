//! What a filter sees of the items of answers.

use std::borrow::Cow;

use api::{Container, FinishedExit, Killer, Parent, Process, Stuck, WorkloadRow, Zombie};

use super::{Field, Row};

/// What can be asked of a stuck process.
pub const STUCK_FIELDS: [Field; 10] = [
    Field::Age,
    Field::Pid,
    Field::Comm,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::Workload,
    Field::Killer,
    Field::Why,
];

/// What can be asked of a finished death.
pub const EXIT_FIELDS: [Field; 15] = [
    Field::Pid,
    Field::Comm,
    Field::Parent,
    Field::Zombie,
    Field::Dying,
    Field::Exiting,
    Field::Exit,
    Field::How,
    Field::Killer,
    Field::User,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::Workload,
];

fn identity(process: &Process) -> (u32, Cow<'_, str>) {
    (process.pid, Cow::Borrowed(&*process.comm))
}

fn killer(killer: &Killer) -> Option<Cow<'_, str>> {
    let process = killer.process.as_ref().map(|it| &*it.comm);
    let by = || killer.by.as_ref().map(api::OrOther::as_str);
    process.or_else(by).map(Cow::Borrowed)
}

/// The workload of an item.
fn place(container: Option<&Container>) -> Row<'_> {
    let [namespace, pod, name, unit] = container.map(Container::names).unwrap_or_default();
    Row {
        place: [None, namespace, pod, name, unit],
        workload: container.and_then(Container::text).map(Cow::Owned),
        ..Row::default()
    }
}

impl<'a> From<&'a Parent> for Row<'a> {
    fn from(it: &'a Parent) -> Self {
        Self {
            pid: it.process.pid,
            comm: Cow::Borrowed(&it.process.comm),
            parent: Some(identity(&it.process)),
            zombies: Some(it.zombies),
            age: it.oldest_seconds,
            leak: Some(it.leaked_per_second),
            reaps: Some(it.reaped_per_second),
            why: it.verdict.as_ref().map(|it| &*it.id.0),
            ..place(it.container.as_ref())
        }
    }
}

impl<'a> From<&'a Zombie> for Row<'a> {
    fn from(it: &'a Zombie) -> Self {
        let holder = it.tracer.as_deref().or(it.parent.as_deref());
        Self {
            pid: it.pid,
            comm: Cow::Borrowed(&it.comm),
            parent: holder.map(identity),
            age: Some(it.zombie_seconds),
            user: it.uid,
            exit: it.exit.as_ref().map(|it| it.to_string().into()),
            why: it.verdict.as_ref().map(|it| &*it.id.0),
            ..place(it.container.as_deref())
        }
    }
}

impl<'a> From<&'a WorkloadRow> for Row<'a> {
    fn from(it: &'a WorkloadRow) -> Self {
        Self {
            zombies: Some(it.zombies),
            age: it.oldest_seconds,
            leak: Some(it.leaked_per_second),
            reaps: Some(it.reaped_per_second),
            why: it.verdict.as_ref().map(|id| &*id.0),
            ..place(it.container.as_ref())
        }
    }
}

impl<'a> From<&'a Stuck> for Row<'a> {
    fn from(it: &'a Stuck) -> Self {
        Self {
            pid: it.pid,
            comm: Cow::Borrowed(&it.comm),
            age: Some(it.stuck_seconds),
            killer: it.killer.as_ref().and_then(killer),
            why: it.verdict.as_ref().map(|it| &*it.id.0),
            ..place(it.container.as_ref())
        }
    }
}

impl<'a> From<&'a FinishedExit> for Row<'a> {
    fn from(it: &'a FinishedExit) -> Self {
        Self {
            pid: it.pid,
            comm: Cow::Borrowed(&it.comm),
            parent: it.parent.as_ref().map(identity),
            zombie: it.zombie_seconds,
            dying: it.kill_seconds,
            exiting: it.exit_seconds,
            exit: it.exit.as_ref().map(|it| it.to_string().into()),
            how: Some(it.how.as_str()),
            killer: it.killer.as_ref().and_then(killer),
            user: Some(it.uid),
            ..place(it.container.as_ref())
        }
    }
}
