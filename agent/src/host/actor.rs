//! Other processes. I/O.

use crate::host::parse;
use crate::host::proc;
use model::stuck::evidence::Actor;

/// SIGTERM in a mask of signals.
const SIGTERM: u8 = 15;
/// Tracers of tracers that are followed.
const DEPTH: u32 = 3;

/// A process as it is now.
pub fn read(pid: u32) -> Actor {
    look(pid, DEPTH)
}

fn look(pid: u32, depth: u32) -> Actor {
    let status = proc::text(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = parse::state(&status);
    let has = |name: &str| parse::has_signal(&status, name, SIGTERM) == Some(true);
    let tracer = parse::tracer(&status).filter(|_| state == Some('t') && depth > 0);
    Actor {
        pid,
        comm: comm(pid),
        state,
        handles_term: ["SigBlk", "SigIgn", "SigCgt"].into_iter().any(has),
        tracer: tracer.map(|pid| Box::new(look(pid, depth - 1))),
        block: None,
    }
}

/// The name of a process; empty if it has exited.
pub fn comm(pid: u32) -> String {
    proc::comm(pid).unwrap_or_default()
}

/// The parent of a process, if it has one.
pub fn parent(pid: u32) -> Option<u32> {
    let status = proc::text(format!("/proc/{pid}/status")).ok()?;
    let parent = parse::field(&status, "PPid")?.parse().ok()?;
    (parent != 0).then_some(parent)
}
