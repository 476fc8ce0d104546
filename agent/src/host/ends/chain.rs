//! Follows the chain of other ends: what the first end waits for itself. I/O.

use super::{at::simple, relatives, search::Search, thread};
use crate::host::proc;
use crate::host::stat::Stat;
use model::culprit::evidence::block::{Block, End, On, Relation};

/// How far the chain is followed.
const DEPTH: usize = 4;
/// Threads of each that are looked at.
const THREADS: usize = 16;

/// Fills in what the first end waits for, and the first end of that. Processes in `seen` are not
/// looked at again.
pub(super) fn follow(search: &mut Search, block: &mut Block, seen: &mut Vec<u32>) {
    // Any of several processes that share memory may hold the lock.
    if block.is_open() {
        return;
    }
    let Some(end) = block.ends.first_mut() else {
        return;
    };
    if seen.len() > DEPTH || seen.contains(&end.pid) {
        return;
    }
    seen.push(end.pid);
    if let Some(mut next) = of_process(search, end.pid, end.state) {
        follow(search, &mut next, seen);
        end.waits_for = Some(Box::new(next));
    }
}

/// What keeps a process from acting. Of a stopped process the state is enough, and one with a
/// running thread can act.
pub(super) fn of_process(search: &mut Search, pid: u32, state: Option<char>) -> Option<Block> {
    if state == Some('T') {
        return None;
    }
    let mut blocks = Vec::new();
    for tid in proc::threads(pid, THREADS) {
        let stat = Stat::of_thread(pid, tid);
        match stat.map(|stat| stat.state) {
            Some('t') => return Some(of_tracing_stop(search, pid, tid)),
            Some('R') => return None,
            _ => blocks.extend(thread::alone(search, pid, tid)),
        }
    }
    let mut block = blocks.into_iter().min_by_key(rank)?;
    match block.on {
        On::Child => block.ends = living_children(search, pid),
        // The clients of an idle server do not matter.
        On::Events { .. } => {
            let relative = |end: &End| end.relation != Relation::Other;
            block.ends.retain(relative);
        }
        _ => {}
    }
    Some(block)
}

fn of_tracing_stop(search: &mut Search, pid: u32, tid: u32) -> Block {
    let tracer = relatives::tracer(pid, tid);
    let mut ends = search.ends(pid, tracer.into_iter().collect());
    for end in &mut ends {
        end.relation = Relation::Tracer;
    }
    let on = On::Other {
        wchan: Some("ptrace_stop".to_owned()),
    };
    Block { ends, ..simple(on) }
}

fn living_children(search: &mut Search, pid: u32) -> Vec<End> {
    let threads = proc::threads(pid, THREADS);
    let children = threads
        .into_iter()
        .filter_map(|tid| proc::children(pid, tid));
    let children = children.flatten().collect();
    search.ends(pid, children)
}

/// The most informative block comes first: one that a child or tracer can end, then those that other
/// processes can end, and last what every idle program waits for.
fn rank(block: &Block) -> u8 {
    let near = |end: &End| matches!(end.relation, Relation::Descendant | Relation::Tracer);
    match block.on {
        On::PipeRead | On::PipeWrite | On::Socket { .. } | On::VforkChild
            if block.ends.first().is_some_and(near) =>
        {
            0
        }
        On::VforkChild
        | On::PipeWrite
        | On::TerminalWrite { .. }
        | On::FileLock { .. }
        | On::Fuse
        | On::Network { .. } => 1,
        On::PipeRead
        | On::FifoOpen { .. }
        | On::Socket { .. }
        | On::Connect { .. }
        | On::Master { .. }
        | On::Ipc { .. } => 2,
        On::Disk | On::Terminal { .. } => 3,
        On::Child => 4,
        On::Events { .. } => 5,
        On::Other { .. } => 6,
        On::Timer | On::Signal | On::Eventfd | On::LoneFutex | On::SharedFutex { .. } => 7,
        On::PrivateFutex => 8,
    }
}
