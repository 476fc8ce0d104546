//! Converts the agent's state to API types: lifecycle records become documents, kernel time becomes
//! wall time.

pub mod stuck;

use std::iter;

use api::{ExitKind, Seconds, Shared, Time};

use crate::clock::Wall;
use crate::events::{ExitStatus, Kill, Process, Resources};
use crate::lifecycle::{DiedBound, Former, How, Record};
use crate::{parents, signals};

/// A kernel time as wall time.
pub fn time(wall: Wall, at_ns: u64) -> Time {
    Time(wall.time_of(at_ns))
}

/// A process and its start.
pub fn process(wall: Wall, process: &Process) -> api::Process {
    api::Process {
        pid: process.key.tgid,
        start_time: (process.key.start_ns != 0).then(|| time(wall, process.key.start_ns)),
        comm: process.comm.to_string(),
    }
}

/// The sender of a fatal signal.
pub fn killer(wall: Wall, kill: &Kill) -> api::Killer {
    api::Killer {
        process: kill.process.as_ref().map(|it| process(wall, it)),
        by: kill.by.map(Into::into),
        signal: signals::name(kill.signal),
        at: time(wall, kill.at_ns),
    }
}

/// A record whose reap is known, its container and that of its parent: one line of `exits`.
pub fn finished(
    wall: Wall,
    record: &Record,
    [container, parent_container]: [Option<api::Container>; 2],
) -> api::FinishedExit {
    let reap = record.reap.as_ref();
    let how = reap.map_or(How::Unknown, |reap| reap.how);
    let died_ns = (record.died.bound != DiedBound::NotAfter).then_some(record.died.at_ns);
    let died_exactly_ns = (record.died.bound == DiedBound::Exact).then_some(record.died.at_ns);
    let reaped_ns = reap.and_then(|reap| reap.at_ns);
    let zombie_ns = if record.vanished_at_once() {
        Some(0)
    } else {
        span(died_ns, reaped_ns)
    };
    let someone = |who: &Option<Process>| who.as_ref().map(|who| process(wall, who));
    api::FinishedExit {
        pid: record.process.key.tgid,
        start_time: process(wall, &record.process).start_time,
        comm: record.process.comm.to_string(),
        exit: record.status.map(exit),
        forker: someone(&record.forker),
        parent: someone(&record.parent),
        tracer: someone(&record.tracer)
            .or_else(|| record.former_tracer().map(|who| process(wall, who))),
        held_before: held_before(wall, record),
        reaper: reap.and_then(|reap| {
            let by = reap.by.as_ref()?;
            Some(api::Reaper {
                process: process(wall, by),
                tid: by.tid,
                thread: reap.by_thread.map(|name| name.to_string()),
            })
        }),
        how: how.into(),
        killer: record.kill.as_ref().map(|kill| killer(wall, kill)),
        began_at: record.begin_ns.map(|at_ns| time(wall, at_ns)),
        died_at: died_ns.map(|at_ns| time(wall, at_ns)),
        died_at_is_lower_bound: record.died.bound == DiedBound::NotBefore,
        reaped_at: reaped_ns.map(|at_ns| time(wall, at_ns)),
        reaped_at_is_upper_bound: reap.is_some_and(|reap| reap.at_is_upper_bound),
        exit_seconds: span(record.begin_ns, died_exactly_ns).map(Seconds::of_ns),
        zombie_seconds: zombie_ns.map(Seconds::of_ns),
        zombie_seconds_is_upper_bound: zombie_ns.is_some_and(|ns| ns != 0)
            && (record.died.bound == DiedBound::NotBefore
                || reap.is_some_and(|reap| reap.at_is_upper_bound)),
        kill_seconds: span(record.kill.as_ref().map(|kill| kill.at_ns), died_exactly_ns)
            .map(Seconds::of_ns),
        container,
        parent_container,
        uid: record.uid,
        resources: record.resources.map(|used| resources(record, used)),
        steps: record
            .steps
            .as_deref()
            .map(|steps| steps.map(Seconds::of_ns)),
    }
}

/// Earlier parents and tracers, each from the moment it became responsible.
fn held_before(wall: Wall, record: &Record) -> Vec<api::Held> {
    let exact_death = (record.died.bound == DiedBound::Exact).then_some(record.died.at_ns);
    let exact_end = |former: &Former| (!former.until_is_upper_bound).then_some(former.until_ns);
    let begins = iter::once(exact_death).chain(record.former.iter().map(exact_end));
    let held = begins
        .zip(&record.former)
        .map(|(from_ns, former)| api::Held {
            process: process(wall, &former.process),
            as_tracer: former.was_tracer,
            until: time(wall, former.until_ns),
            until_is_upper_bound: former.until_is_upper_bound,
            seconds: span(from_ns, Some(former.until_ns)).map(Seconds::of_ns),
        });
    held.collect()
}

/// What siblings have in common, as answers show it.
#[derive(Clone, Debug, Default)]
pub struct Kin {
    forker: Option<Shared<api::Process>>,
    parent: Option<Shared<api::Process>>,
    tracer: Option<Shared<api::Process>>,
    container: Option<Shared<api::Container>>,
    parent_container: Option<Shared<api::Container>>,
}

impl Kin {
    /// Of a zombie in this container, whose parent is in the other.
    pub fn of(
        wall: Wall,
        record: &Record,
        [container, parent_container]: [Option<api::Container>; 2],
    ) -> Self {
        let someone = |who: &Option<Process>| Some(Shared::new(process(wall, who.as_ref()?)));
        Self {
            forker: someone(&record.forker),
            parent: someone(&record.parent),
            tracer: someone(&record.tracer),
            container: container.map(Shared::new),
            parent_container: parent_container.map(Shared::new),
        }
    }
}

/// A record of a zombie, why it is not reaped, and its kin: one item of `zombies`.
pub fn zombie(
    wall: Wall,
    now_ns: u64,
    record: &Record,
    verdict: Option<Shared<api::Verdict>>,
    kin: Kin,
) -> api::Zombie {
    let found = record.died.bound == DiedBound::NotAfter;
    api::Zombie {
        pid: record.process.key.tgid,
        start_time: process(wall, &record.process).start_time,
        comm: record.process.comm.to_string(),
        exit: record.status.map(exit),
        died_at: (!found).then(|| time(wall, record.died.at_ns)),
        zombie_seconds: Seconds::of_ns(now_ns.saturating_sub(record.died.at_ns)),
        age_is_lower_bound: found,
        uid: Some(record.uid),
        forker: kin.forker,
        parent: kin.parent,
        tracer: kin.tracer,
        held_before: held_before(wall, record),
        container: kin.container,
        parent_container: kin.parent_container,
        verdict,
    }
}

/// A row of `top`.
pub fn parent(
    wall: Wall,
    row: &parents::Row,
    verdict: Option<api::Verdict>,
    container: Option<api::Container>,
) -> api::Parent {
    api::Parent {
        process: process(wall, &row.process),
        container,
        zombies: row.zombies,
        oldest_seconds: row.oldest_ns.map(Seconds::of_ns),
        oldest_is_lower_bound: row.oldest_is_lower_bound,
        leaked_per_second: row.leaked_per_second,
        reaped_per_second: row.reaped_per_second,
        reaped_total: row.reaped_total,
        p50_seconds: row.p50_ns.map(Seconds::of_ns),
        p99_seconds: row.p99_ns.map(Seconds::of_ns),
        verdict,
    }
}

fn span(from_ns: Option<u64>, to_ns: Option<u64>) -> Option<u64> {
    to_ns?.checked_sub(from_ns?)
}

/// How a process ended, in words: `exit 1`, `SIGKILL`, `SIGSEGV core`.
pub fn ended(status: ExitStatus) -> String {
    exit(status).to_string()
}

fn exit(status: ExitStatus) -> api::Exit {
    let (kind, code, signal) = match status {
        ExitStatus::Exited(code) => (ExitKind::Exited, Some(code), None),
        ExitStatus::Killed(signal) => (ExitKind::Killed, None, Some(signal)),
        ExitStatus::Dumped(signal) => (ExitKind::Dumped, None, Some(signal)),
    };
    api::Exit {
        kind: kind.into(),
        code,
        signal: signal.map(signals::name),
    }
}

fn resources(record: &Record, used: Resources) -> api::Resources {
    let lifetime_ns = record
        .died
        .at_ns
        .saturating_sub(record.process.key.start_ns);
    api::Resources {
        lifetime_seconds: Seconds::of_ns(lifetime_ns),
        user_seconds: Seconds::of_ns(used.user_ns),
        system_seconds: Seconds::of_ns(used.system_ns),
        threads: used.threads,
        max_rss_bytes: used.max_rss_bytes,
    }
}

mod pids;

pub use pids::pids;

#[cfg(test)]
mod tests;
