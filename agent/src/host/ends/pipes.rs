//! Pipes and FIFOs. I/O.

use std::{io::ErrorKind, path::Path};

use super::{
    at::{At, Direction},
    fdinfo::Info,
    index::Holder,
    search::{HOLDERS, Search},
};
use crate::host::proc;
use crate::host::refusal;
use model::culprit::evidence::block::{Block, On};

/// The processes that have the same FIFO open.
pub(super) fn of_fifo(
    search: &mut Search,
    root: &str,
    descriptor: u32,
    path: &Path,
) -> Vec<Holder> {
    let inode = |root: &str, descriptor: u32| {
        let info = proc::text(format!("{root}/fdinfo/{descriptor}")).ok()?;
        Info(&info).number("ino")
    };
    let own = inode(root, descriptor);
    let named = path
        .file_name()
        .map(|name| search.index().of_name(name).to_vec());
    let same = |holder: &Holder| {
        own.is_some() && inode(&format!("/proc/{}", holder.pid), holder.descriptor) == own
    };
    let holders = named.into_iter().flatten().take(HOLDERS);
    holders.filter(same).collect()
}

pub(super) fn of_pipe(search: &mut Search, at: &At, way: Direction, holders: Vec<Holder>) -> Block {
    let on = match way {
        Direction::Read => On::PipeRead,
        Direction::Write => On::PipeWrite,
    };
    let (pids, unread) = facing(holders, way.opposite());
    let block = search.block(on, at, pids);
    Block {
        unknown: block.unknown.or(unread),
        ..block
    }
}

/// Which of them can read or write, and why some may be missing.
pub(super) fn facing(holders: Vec<Holder>, way: Direction) -> (Vec<u32>, Option<String>) {
    let mut refused = None;
    let mut pids = Vec::new();
    for Holder { pid, descriptor } in holders.into_iter().take(HOLDERS) {
        match proc::text(format!("/proc/{pid}/fdinfo/{descriptor}")) {
            Ok(info) => {
                let ways = Info(&info).ways();
                let can = ways.is_some_and(|(reads, writes)| match way {
                    Direction::Read => reads,
                    Direction::Write => writes,
                });
                pids.extend(can.then_some(pid));
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                refused = Some(refusal::words(&format!("/proc/{pid}/fdinfo")));
            }
            Err(_) => {}
        }
    }
    (pids, refused)
}

/// The processes at the other end of a pipe that a set contains.
pub(super) fn across_pipe(at: &At, descriptor: u32, holders: Vec<Holder>) -> Vec<u32> {
    let info = proc::text(format!("{}/fdinfo/{descriptor}", at.root)).ok();
    let reads = info
        .and_then(|info| Info(&info).ways())
        .map(|(reads, _)| reads);
    match reads {
        Some(true) => facing(holders, Direction::Write).0,
        Some(false) => facing(holders, Direction::Read).0,
        None => Vec::new(),
    }
}
