//! What a sleeping thread waits for, and which processes have the other end. I/O, done off the
//! loop.
//!
//! `Search::new` begins a round, `Search::left_by` sets the zombies whose relatives come first, and
//! `block_of` answers for one thread. All answers of a round use one scan of the descriptors of the
//! host, made on first use and bounded in files and time. `ends` without `unknown` is complete: if it
//! is empty, no process has the other end.

mod at;
mod call;
mod chain;
mod dead_pidfds;
mod descriptors;
mod fdinfo;
mod file_systems;
mod fuse;
mod index;
mod ipc;
mod locks;
mod mapped;
mod memory;
mod mounts;
mod peers;
mod pipes;
mod relatives;
mod search;
mod sets;
mod shared;
mod sockets;
mod terminals;
#[cfg(test)]
mod tests;
mod thread;

use crate::host::proc;
pub use dead_pidfds::{of_all as dead_pidfds_of_all, of_process as dead_pidfds_of};
use fdinfo::Info;
use index::Index;
use model::culprit::evidence::block::Block;
use model::stuck::evidence::Connection;
pub use search::Search;

/// What a thread waits for; `None` of one that does not sleep.
pub fn block_of(search: &mut Search, pid: u32, tid: u32) -> Option<Block> {
    search.begin_with(pid);
    let mut block = thread::alone(search, pid, tid)?;
    chain::follow(search, &mut block, &mut vec![pid]);
    Some(block)
}

/// What keeps a process from acting, by any of its threads; `None` if it runs or is stopped.
pub fn block_of_process(search: &mut Search, pid: u32, state: Option<char>) -> Option<Block> {
    let mut block = chain::of_process(search, pid, state)?;
    chain::follow(search, &mut block, &mut vec![pid]);
    Some(block)
}

/// The FUSE connections that a thread may wait for, and whether it is known to be that one.
pub fn fuse_connections(search: &mut Search, pid: u32, tid: u32) -> (Vec<Connection>, bool) {
    fuse::connections(pid, tid, &mut search.servers)
}

/// Whether a process has a signalfd for SIGCHLD; `None` if that may not be read.
pub fn has_signalfd(search: &mut Search, pid: u32) -> Option<bool> {
    let alone;
    let index = if let Some(index) = search.whole_index() {
        index
    } else {
        alone = Index::of_process(pid);
        &alone
    };
    let refused = index.refused.contains(&pid);
    let own: Vec<_> = index.signalfds_of(pid).collect();
    for descriptor in own {
        let path = format!("/proc/{pid}/fdinfo/{descriptor}");
        let info = search.got(&path, proc::text(&path))?;
        if Info(&info).takes_sigchld() {
            return Some(true);
        }
    }
    if refused {
        search.refuse(&format!("/proc/{pid}/fd"));
    }
    (!refused).then_some(false)
}
