//! The descriptors that poll, select and epoll wait for. I/O.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    at::{At, simple},
    call::Call,
    fdinfo::{Info, Link},
    mounts, peers, pipes,
    search::Search,
    terminals,
};
use crate::host::proc;
use crate::host::refusal;
use model::culprit::evidence::block::{Block, On, Relation};

/// Descriptors of one set that are looked at.
const WATCHED: usize = 512;
/// With more descriptors than this, only relatives are named.
const FEW: usize = 16;
/// With at most this many descriptors, each is named.
const NAMED: usize = 4;
/// Folders with files of the kernel, which can be polled too.
const KERNELS: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Bytes of a `struct pollfd`.
const POLLFD: usize = 8;
/// Files that are looked at to find who has the other end.
const LOOKED_UP: usize = 64;

pub(super) fn of_set(search: &mut Search, at: &At, call: Call) -> Block {
    let (watched, timed, unknown) = watched(search, at, call);
    if watched.as_ref().is_some_and(Vec::is_empty) && !matches!(call, Call::Epoll { .. }) {
        return simple(if timed { On::Timer } else { On::Signal });
    }
    let all = watched.is_none();
    let watched = watched.unwrap_or_else(|| open_for_reading(search, at));
    let mut kinds = BTreeSet::new();
    let mut pids = Vec::new();
    for &descriptor in watched.iter().take(LOOKED_UP.max(FEW)) {
        let Ok(target) = fs::read_link(format!("{}/fd/{descriptor}", at.root)) else {
            continue;
        };
        let link = Link::parse(&target);
        if !all {
            let named = watched.len() <= NAMED;
            let name = named.then(|| name(at, descriptor, &link)).flatten();
            kinds.insert(name.unwrap_or_else(|| link.kind().to_owned()));
        }
        pids.extend(across(search, at, descriptor, &link));
    }
    // A process that can wake itself does not count.
    let mut ends = search.ends(at.pid, pids);
    let unsure = search.unknown_of_set(at.pid, ends.is_empty());
    let many = all || watched.len() > FEW;
    ends.retain(|end| match end.relation {
        Relation::Itself => false,
        Relation::Other => !many,
        _ => true,
    });
    Block {
        on: On::Events {
            kinds: kinds.into_iter().collect(),
            timed,
        },
        unknown: unknown.or(unsure),
        ends,
    }
}

/// The descriptors, whether the wait has a timeout, and why they are not known.
fn watched(search: &mut Search, at: &At, call: Call) -> (Option<Vec<u32>>, bool, Option<String>) {
    let mut unknown = None;
    let mut memory = |address: u64, len: usize| {
        let read = search.argument(at.pid, address, len);
        read.map_err(|why| unknown = why).ok()
    };
    match call {
        Call::Poll { list, count, timed } => {
            let len = usize::try_from(count).unwrap_or(WATCHED).min(WATCHED) * POLLFD;
            let bytes = if len == 0 {
                Some(Vec::new())
            } else {
                memory(list, len)
            };
            (bytes.map(|bytes| of_poll(&bytes)), timed, unknown)
        }
        Call::Select { sets, count, timed } => {
            let len = usize::try_from(count)
                .unwrap_or(WATCHED)
                .min(WATCHED)
                .div_ceil(8);
            let mut watched = Some(Vec::new());
            for set in sets.into_iter().filter(|&set| set != 0 && len > 0) {
                let bits = memory(set, len).map(|bytes| of_select(&bytes));
                watched = watched.zip(bits).map(|(all, more)| [all, more].concat());
            }
            (watched, timed, unknown)
        }
        Call::Epoll { descriptor, timed } => {
            let path = format!("{}/fdinfo/{descriptor}", at.root);
            let info = search.got(&path, proc::text(&path));
            let watched = info.as_deref().map(|info| Info(info).watched().collect());
            let unknown = watched.is_none().then(|| refusal::words(&path));
            (watched, timed, unknown)
        }
        _ => (None, false, None),
    }
}

/// All pipes, sockets and files that it could wait for.
fn open_for_reading(search: &mut Search, at: &At) -> Vec<u32> {
    let folder = format!("{}/fd", at.root);
    let descriptors = search.got(&folder, proc::numbers(&folder));
    descriptors.into_iter().flatten().take(WATCHED).collect()
}

/// The processes at the other end of one of them.
fn across(search: &mut Search, at: &At, descriptor: u32, link: &Link) -> Vec<u32> {
    match link {
        Link::Pipe(inode) => {
            let holders = search.index().of_pipe(*inode).to_vec();
            pipes::across_pipe(at, descriptor, holders)
        }
        Link::Socket(inode) => {
            let peer = peers::of(at.pid, *inode).and_then(|socket| socket.peer);
            let holders = peer.map(|peer| search.index().of_socket(peer).to_vec());
            holders.into_iter().flatten().map(|it| it.pid).collect()
        }
        Link::Terminal(path) => {
            let number = terminals::number(path);
            number.map_or_else(Vec::new, |number| terminals::masters_of(search, number))
        }
        Link::Master => {
            let path = terminals::terminal_of(at.pid, descriptor);
            path.map_or_else(Vec::new, |path| terminals::users_of(search, &path))
        }
        Link::File(path) if !path.starts_with("/dev") => {
            let holders = pipes::of_fifo(search, &at.root, descriptor, path);
            // A file that no other process has open does not matter.
            if holders.iter().all(|it| it.pid == at.pid) {
                return Vec::new();
            }
            pipes::across_pipe(at, descriptor, holders)
        }
        _ => Vec::new(),
    }
}

/// Its name. A file that can be polled is a FIFO, or a message queue if it has no mount; other files
/// are always ready, and those of the kernel are in `KERNELS`.
fn name(at: &At, descriptor: u32, link: &Link) -> Option<String> {
    let words = |path: &Path| proc::name_of(path.as_os_str().as_encoded_bytes());
    match link {
        Link::Terminal(path) => Some(format!("the terminal {}", words(path))),
        Link::Master => {
            let path = terminals::terminal_of(at.pid, descriptor)?;
            Some(format!("the output of the terminal {}", words(&path)))
        }
        Link::File(path) if KERNELS.iter().any(|folder| path.starts_with(folder)) => None,
        Link::File(path) => {
            let has_mount = mounts::of_descriptor(&at.root, descriptor).is_some();
            let kind = if has_mount { "FIFO" } else { "message queue" };
            Some(format!("the {kind} {}", words(path)))
        }
        _ => None,
    }
}

fn of_poll(bytes: &[u8]) -> Vec<u32> {
    let entries = bytes.chunks_exact(POLLFD);
    let numbers = entries.filter_map(|entry| Some(i32::from_ne_bytes(entry[..4].try_into().ok()?)));
    // poll ignores negative descriptors.
    numbers
        .filter_map(|number| number.try_into().ok())
        .collect()
}

fn of_select(bytes: &[u8]) -> Vec<u32> {
    let bits = |(n, byte): (usize, &u8)| {
        let byte = *byte;
        (0..8)
            .filter(move |bit| byte & (1 << bit) != 0)
            .map(move |bit| n as u32 * 8 + bit)
    };
    bytes.iter().enumerate().flat_map(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read() {
        let entry = |number: i32| [number.to_ne_bytes().as_slice(), &[1, 0, 0, 0]].concat();
        let list = [entry(5), entry(-1), entry(9), vec![7]].concat();
        assert_eq!(of_poll(&list), [5, 9]);
        assert_eq!(of_select(&[0b1000_0001, 0b10]), [0, 7, 9]);
        assert_eq!((of_poll(&[]), of_select(&[])), (vec![], vec![]));
    }
}
