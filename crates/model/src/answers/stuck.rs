//! Converts a stuck exit to its document.

use api::{Awaited, KillBy, Seconds};

use super::{killer, process, time};
use crate::clock::Wall;
use crate::events::Ignored;
use crate::signals;
use crate::stuck::evidence::watch::{Since, Suspect};
use crate::stuck::evidence::{Actor, Facts, Stuck, Thread};
use crate::stuck::steps::{dumping_core, frozen, ptrace_exit_stop, waiting_for_namespace};

/// Why nothing is known of a process whose files could not be read.
pub const UNREADABLE: &str = "its files in /proc could not be read";

/// Somebody who does not die, and what a round found of it.
#[derive(Clone, Copy, Debug)]
pub struct Examined<'a> {
    /// Its facts from the snapshot.
    pub suspect: &'a Suspect,
    /// Since when.
    pub since: Since,
    /// All that is known.
    pub stuck: &'a Stuck,
    /// Why its files have not been read.
    pub why_not: Option<&'static str>,
}

/// One item of `stuck`.
pub fn item(
    wall: Wall,
    &Examined {
        suspect,
        since,
        stuck,
        why_not,
    }: &Examined<'_>,
    container: Option<api::Container>,
) -> api::Stuck {
    let decisive = stuck.decisive();
    let threads = stuck.facts.iter().flat_map(|facts| &facts.threads);
    let first = threads.clone().next();
    let waits_for = stuck.facts.as_ref().zip(decisive);
    let threads = threads.filter(|_| stuck.ignored.is_none());
    api::Stuck {
        pid: stuck.pid,
        start_time: process(wall, &suspect.process).start_time,
        comm: stuck.comm.clone(),
        state: decisive.or(first).map(|thread| thread.state),
        since: (!since.is_upper_bound).then(|| time(wall, since.at_ns)),
        stuck_seconds: Seconds::of_ns(stuck.stuck_ns),
        stuck_is_lower_bound: stuck.is_lower_bound,
        exit_has_begun: stuck.exit_has_begun(),
        step: match &stuck.ignored {
            Some(ignored) => Some(ignored.fate.step().0.into()),
            None => decisive.map(|thread| thread.step().id()),
        },
        no_step: no_step(stuck, why_not),
        threads: threads.map(thread).collect(),
        killer: suspect.kill.as_ref().map(|kill| killer(wall, kill)),
        ignored: suspect
            .unheard
            .as_ref()
            .map(|unheard| ignored(wall, &unheard.last)),
        waits_for: waits_for.and_then(|(facts, thread)| waits_for_of(facts, thread)),
        container,
        verdict: crate::stuck::rules::answer(stuck),
    }
}

fn no_step(stuck: &Stuck, why_not: Option<&str>) -> Option<String> {
    let known = stuck.ignored.is_some() || stuck.decisive().is_some();
    // None of its threads was still there to be read.
    let why = why_not.unwrap_or(UNREADABLE);
    (!known).then(|| why.to_owned())
}

/// A signal that had no effect, and who sent it.
pub fn ignored(wall: Wall, ignored: &Ignored) -> api::Killer {
    let by = ignored.by.as_ref();
    let source = by.map_or(KillBy::Kernel, |_| KillBy::Process);
    api::Killer {
        process: by.map(|it| process(wall, it)),
        by: Some(source.into()),
        signal: signals::name(ignored.signal),
        at: time(wall, ignored.at_ns),
    }
}

fn thread(thread: &Thread) -> api::StuckThread {
    let frames = thread.stack.iter();
    api::StuckThread {
        tid: thread.tid,
        state: thread.state,
        step: thread.step().id(),
        stack: frames.map(|frame| frame.function.clone()).collect(),
    }
}

/// The first that the thread's step speaks of.
fn waits_for_of(facts: &Facts, thread: &Thread) -> Option<api::WaitsFor> {
    let waits_for = |kind: Awaited, what: String, processes: Vec<&Actor>| {
        Some(api::WaitsFor {
            kind: kind.into(),
            what,
            processes: processes.into_iter().map(process_of).collect(),
        })
    };
    match thread.step() {
        step if step == &frozen::STEP => {
            let freezer = facts.freezer.as_ref()?;
            waits_for(
                Awaited::Freezer,
                freezer.cgroup.display().to_string(),
                Vec::new(),
            )
        }
        step if step == &dumping_core::STEP
            && facts.fuse.is_empty()
            && facts.network.is_empty() =>
        {
            let helper = facts.core_helper.as_ref()?;
            waits_for(
                Awaited::CoreHelper,
                helper.pattern.clone(),
                helper.process.iter().collect(),
            )
        }
        step if step == &ptrace_exit_stop::STEP => {
            let tracer = facts.tracer.as_ref()?;
            waits_for(Awaited::Tracer, tracer.comm.clone(), vec![tracer])
        }
        step if step == &waiting_for_namespace::STEP => {
            let left = facts.left_in_namespace.iter().map(|member| &member.process);
            waits_for(
                Awaited::Namespace,
                "all others in its PID namespace".to_owned(),
                left.collect(),
            )
        }
        _ if !facts.fuse.is_empty() => {
            let mut servers: Vec<&Actor> = facts.fuse.iter().flat_map(|it| &it.servers).collect();
            servers.dedup();
            waits_for(Awaited::Fuse, connections(facts), servers)
        }
        _ if !facts.network.is_empty() => {
            waits_for(Awaited::Network, facts.network.join(" or "), Vec::new())
        }
        _ => None,
    }
}

/// The FUSE connections that its threads wait for.
fn connections(facts: &Facts) -> String {
    let words = facts.fuse.iter().map(|connection| {
        let mount = connection.mount.as_deref().map(|it| format!(" ({it})"));
        let mount = mount.unwrap_or_default();
        format!("connection {}{mount}", connection.number)
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn process_of(who: &Actor) -> api::Process {
    api::Process {
        pid: who.pid,
        start_time: None,
        comm: who.comm.clone(),
    }
}
