//! Other processes, and what keeps them from acting. I/O.

use crate::host::ends::Search;
use crate::host::parse;
use crate::host::proc;
use model::stuck::evidence::{Facts, Who};

/// SIGTERM in a mask of signals.
const SIGTERM: u8 = 15;
/// Tracers of tracers that are followed.
const DEPTH: u32 = 3;
/// Servers of one file system that are looked at.
const SERVERS: usize = 2;

/// A process as it is now.
pub(super) fn read(pid: u32) -> Who {
    look(pid, DEPTH)
}

fn look(pid: u32, depth: u32) -> Who {
    let status = proc::text(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = parse::state(&status);
    let has = |name: &str| parse::has_signal(&status, name, SIGTERM) == Some(true);
    let tracer = parse::tracer(&status).filter(|_| state == Some('t') && depth > 0);
    Who {
        pid,
        comm: comm(pid),
        state,
        handles_term: ["SigBlk", "SigIgn", "SigCgt"].into_iter().any(has),
        tracer: tracer.map(|pid| Box::new(look(pid, depth - 1))),
        block: None,
    }
}

/// Finds what keeps the processes from acting on which a process depends, if they are few.
pub(super) fn follow(facts: &mut Facts, search: &mut Search) {
    let servers = match &mut facts.fuse[..] {
        [one] => &mut one.servers[..],
        _ => &mut [],
    };
    let helper = facts
        .core_helper
        .as_mut()
        .and_then(|it| it.process.as_mut());
    let members = facts.left_in_namespace.iter_mut();
    let zombies = members.filter(|member| member.process.state == Some('Z'));
    let parent = zombies.filter_map(|member| member.parent.as_mut()).take(1);
    let people = facts
        .tracer
        .iter_mut()
        .chain(servers.iter_mut().take(SERVERS));
    for who in people.chain(helper).chain(parent) {
        let last = last_tracer(who);
        if matches!(last.state, Some('S' | 'D' | 'I')) {
            last.block = search.block_of_process(last.pid, last.state);
        }
    }
}

/// The last tracer in a chain of tracers.
fn last_tracer(who: &mut Who) -> &mut Who {
    match who.tracer {
        Some(ref mut tracer) => last_tracer(tracer),
        None => who,
    }
}

/// The name of a process; empty if it has exited.
pub(super) fn comm(pid: u32) -> String {
    proc::comm(pid).unwrap_or_default()
}

/// The parent of a process, if it has one.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let status = proc::text(format!("/proc/{pid}/status")).ok()?;
    let parent = parse::field(&status, "PPid")?.parse().ok()?;
    (parent != 0).then_some(parent)
}
