//! What a descriptor is, and which processes are at its other end. I/O.

use std::{fs, io::ErrorKind, path::PathBuf};

use super::{
    at::{At, Direction, simple, unsure},
    fdinfo::{Info, Link},
    index::Holder,
    ipc, locks, memory, pipes, relatives,
    search::{HOLDERS, Search},
    sockets, terminals,
};
use crate::host::proc;
use crate::host::refusal;
use model::culprit::evidence::block::{Block, On};

pub(super) fn of_descriptor(
    search: &mut Search,
    at: &At,
    descriptor: u32,
    way: Direction,
) -> Block {
    let path = format!("{}/fd/{descriptor}", at.root);
    let Some(target) = search.got(&path, fs::read_link(&path)) else {
        let folder = format!("/proc/{}/fd", at.pid);
        let denied = fs::read_link(&path).is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
        return Block {
            unknown: denied.then(|| refusal::words(&folder)),
            ..of_wchan(at)
        };
    };
    match Link::parse(&target) {
        Link::Pipe(inode) => {
            let holders = search.index().of_pipe(inode).to_vec();
            pipes::of_pipe(search, at, way, holders)
        }
        Link::Socket(inode) => sockets::of_socket(search, at, inode),
        Link::Terminal(path) => terminals::of_terminal(search, at, &path, way),
        Link::Master => terminals::of_master(search, at, descriptor),
        Link::File(path) if at.sleeps_in(&["wq_sleep"]) => {
            ipc::of_queue(search, at, descriptor, way, &path)
        }
        Link::Anonymous(kind) => match kind.as_str() {
            "eventfd" => of_eventfd(search, at, descriptor),
            "signalfd" => simple(On::Signal),
            "timerfd" => simple(On::Timer),
            _ => simple(On::Events {
                kinds: vec![kind],
                timed: false,
            }),
        },
        Link::File(path) if at.sleeps_in(&["pipe_", "anon_pipe_", "fifo_"]) => {
            let holders = pipes::of_fifo(search, &at.root, descriptor, &path);
            pipes::of_pipe(search, at, way, holders)
        }
        Link::FuseDevice => simple(On::Events {
            kinds: vec![Link::FuseDevice.kind().to_owned()],
            timed: false,
        }),
        Link::File(_) => of_wchan(at),
    }
}

pub(super) fn of_eventfd(search: &mut Search, at: &At, descriptor: u32) -> Block {
    let id = |pid: u32, descriptor: u32| {
        let info = proc::text(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
        Info(&info).number("eventfd-id")
    };
    let own = id(at.pid, descriptor);
    let holders = search.index().eventfds.clone();
    let same = holders
        .into_iter()
        .filter(|it| own.is_some() && id(it.pid, it.descriptor) == own);
    let pids = same.map(|holder| holder.pid).collect();
    let ends = search.ends(at.pid, pids);
    let unknown = match own {
        Some(_) => search.unknown(ends.is_empty()),
        None => Some("this kernel has no eventfd-id in fdinfo".to_owned()),
    };
    Block {
        on: On::Eventfd,
        ends,
        unknown,
    }
}

pub(super) fn of_open(search: &mut Search, at: &At, folder: i32, path: u64) -> Block {
    let read = memory::path(at.pid, path);
    let denied = read
        .as_ref()
        .is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
    let path = read.ok().map(|bytes| {
        let folder = match folder {
            libc::AT_FDCWD => format!("{}/cwd", at.root),
            descriptor => format!("{}/fd/{descriptor}", at.root),
        };
        let folder = fs::read_link(folder).unwrap_or_default();
        let path = folder.join(proc::path_of(&bytes));
        path.components().collect::<PathBuf>()
    });
    let unknown = denied.then(|| search.refuse(&format!("the memory of process {}", at.pid)));
    let path = path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes()));
    unsure(On::FifoOpen { path }, unknown)
}

pub(super) fn of_lock(search: &mut Search, at: &At, descriptor: u32) -> Block {
    let path = fs::read_link(format!("{}/fd/{descriptor}", at.root)).ok();
    let text = proc::text("/proc/locks").unwrap_or_default();
    let mut pids = Vec::new();
    if let Some(lock) = locks::awaited(&text, at.pid) {
        let name = path.as_ref().and_then(|path| path.file_name());
        if let Some(name) = name.filter(|_| lock.is_of_file) {
            let has = |it: &&Holder| {
                let info = proc::text(format!("/proc/{}/fdinfo/{}", it.pid, it.descriptor));
                info.is_ok_and(|info| locks::has(&info, lock.file))
            };
            let holders = search.index().of_name(name).iter().take(HOLDERS);
            pids.extend(holders.filter(has).map(|it| it.pid));
        }
        if pids.is_empty() {
            pids.extend(lock.owner);
        }
    }
    let ends = search.ends(at.pid, pids);
    Block {
        unknown: ends
            .is_empty()
            .then(|| "/proc/locks does not name the owner of the lock".to_owned()),
        ends,
        on: On::FileLock {
            path: path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes())),
        },
    }
}

pub(super) fn of_vfork(search: &mut Search, at: &At) -> Block {
    let child = relatives::vfork_child(at.pid, at.tid);
    let ends = search.ends(at.pid, child.into_iter().collect());
    Block {
        on: On::VforkChild,
        unknown: ends
            .is_empty()
            .then(|| "the child was not found".to_owned()),
        ends,
    }
}

/// What it waits for by the function that it sleeps in alone.
pub(super) fn of_wchan(at: &At) -> Block {
    let on = if at.sleeps_in(&["pipe_read", "anon_pipe_read", "fifo_pipe_read", "pipe_wait"]) {
        On::PipeRead
    } else if at.sleeps_in(&["pipe_write", "anon_pipe_write", "fifo_pipe_write"]) {
        On::PipeWrite
    } else if at.sleeps_in(&["wait_for_partner", "fifo_open"]) {
        On::FifoOpen { path: None }
    } else if at.sleeps_in(&["unix_", "inet_", "tcp_", "sk_wait", "__skb_wait", "udp_"]) {
        On::Socket {
            family: "unknown".to_owned(),
            peer: None,
            open: false,
        }
    } else if at.sleeps_in(&["n_tty_", "tty_"]) {
        On::Terminal { path: None }
    } else if let Some(what) = ipc::of_function(at) {
        On::Ipc { what, timed: false }
    } else if at.sleeps_in(&[
        "poll_schedule",
        "do_poll",
        "do_sys_poll",
        "do_select",
        "ep_poll",
        "do_epoll",
    ]) {
        On::Events {
            kinds: Vec::new(),
            timed: false,
        }
    } else if at.sleeps_in(&["futex_"]) {
        On::PrivateFutex
    } else {
        On::Other {
            wchan: at.wchan.clone(),
        }
    };
    simple(on)
}
