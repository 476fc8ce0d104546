//! Other processes, and what keeps them from acting. I/O.

use super::Who;
use crate::evidence::parse;

/// SIGTERM in a mask of signals.
const SIGTERM: u64 = 1 << 14;
/// Tracers of tracers that are followed.
const DEPTH: u32 = 3;

/// A process as it is now.
pub(super) fn who(pid: u32) -> Who {
    look(pid, DEPTH)
}

fn look(pid: u32, depth: u32) -> Who {
    let status = text(&format!("/proc/{pid}/status")).unwrap_or_default();
    let state = parse::state(&status);
    let has = |name: &str| {
        let mask = parse::field(&status, name).and_then(|it| u64::from_str_radix(it, 16).ok());
        mask.is_some_and(|mask| mask & SIGTERM != 0)
    };
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

/// The name of a process; empty where it has none any more.
pub(super) fn comm(pid: u32) -> String {
    let mut comm = bytes(&format!("/proc/{pid}/comm")).unwrap_or_default();
    comm.pop_if(|last| *last == b'\n');
    String::from_utf8_lossy(&comm).into_owned()
}

/// The parent of a process, where it has one.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let status = text(&format!("/proc/{pid}/status"))?;
    let parent = parse::field(&status, "PPid")?.parse().ok()?;
    (parent != 0).then_some(parent)
}

/// All PIDs of the host.
pub(super) fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What a file has, as bytes.
pub(super) fn bytes(path: &str) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// The same as text; what is not UTF-8 is replaced.
pub(super) fn text(path: &str) -> Option<String> {
    bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
