//! Which process on the host has which pipe, socket and so on: one scan of all file descriptors, with
//! bounded effort. I/O.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::fdinfo::Link;
use crate::host::proc;

/// Processes with descriptors that are looked at.
const PROCESSES: usize = 4_096;
/// Descriptors that are looked at.
const LINKS: usize = 65_536;
/// For how long.
const TIME_LIMIT: Duration = Duration::from_millis(250);
/// Descriptors that are read between two checks of the time.
const BETWEEN: usize = 256;

/// A descriptor of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) descriptor: u32,
}

/// All descriptors that may be the other end of a wait.
#[derive(Debug, Default)]
pub(super) struct Index {
    pipes: HashMap<u64, Vec<Holder>>,
    sockets: HashMap<u64, Vec<Holder>>,
    /// By file name: the folder may differ in another mount namespace.
    files: HashMap<OsString, Vec<Holder>>,
    pub(super) eventfds: Vec<Holder>,
    signalfds: Vec<Holder>,
    /// Master sides of terminals.
    pub(super) masters: Vec<Holder>,
    terminals: HashMap<PathBuf, Vec<Holder>>,
    /// The search ended before all were looked at.
    pub(super) cut: bool,
    /// Processes with descriptors that may not be read.
    pub(super) refused: BTreeSet<u32>,
    processes: usize,
    links: usize,
}

impl Index {
    /// Looks first at PIDs from this one on, since children mostly have higher PIDs, and not at those
    /// that are known to have no descriptors, which are in order.
    pub(super) fn of_host(first: u32, without: &[u32]) -> Self {
        let pids = proc::numbers("/proc").into_iter().flatten();
        let mut pids: Vec<_> = pids
            .filter(|pid| without.binary_search(pid).is_err())
            .collect();
        pids.sort_unstable();
        let start = pids.partition_point(|&pid| pid < first);
        pids.rotate_left(start);
        let until = Instant::now() + TIME_LIMIT;
        let mut index = Self::default();
        for pid in pids {
            if index.processes >= PROCESSES || Instant::now() >= until {
                index.cut = true;
            } else {
                index.visit(pid, until);
            }
            if index.cut {
                break;
            }
        }
        index
    }

    /// That of one process alone.
    pub(super) fn of_process(pid: u32) -> Self {
        let mut index = Self::default();
        index.visit(pid, Instant::now() + TIME_LIMIT);
        index
    }

    fn visit(&mut self, pid: u32, until: Instant) {
        let folder = format!("/proc/{pid}/fd");
        let descriptors = match proc::numbers(&folder) {
            Ok(descriptors) => descriptors,
            Err(error) => {
                if error.kind() == ErrorKind::PermissionDenied {
                    self.refused.insert(pid);
                }
                return;
            }
        };
        let mut refused = false;
        let mut any = false;
        for descriptor in descriptors {
            let late = self.links.is_multiple_of(BETWEEN) && Instant::now() >= until;
            if self.links >= LINKS || late {
                self.cut = true;
                break;
            }
            self.links += 1;
            any = true;
            // Links are read, not followed: opening the files could hang.
            match fs::read_link(format!("{folder}/{descriptor}")) {
                Ok(target) => self.add(Holder { pid, descriptor }, Link::parse(&target)),
                Err(error) => refused |= error.kind() == ErrorKind::PermissionDenied,
            }
        }
        self.processes += usize::from(any);
        if refused {
            self.refused.insert(pid);
        }
    }

    fn add(&mut self, holder: Holder, link: Link) {
        match link {
            Link::Pipe(inode) => self.pipes.entry(inode).or_default().push(holder),
            Link::Socket(inode) => self.sockets.entry(inode).or_default().push(holder),
            Link::Anonymous(kind) if kind == "eventfd" => self.eventfds.push(holder),
            Link::Anonymous(kind) if kind == "signalfd" => self.signalfds.push(holder),
            Link::Master => self.masters.push(holder),
            Link::Terminal(path) => self.terminals.entry(path).or_default().push(holder),
            Link::File(path) if !path.starts_with("/dev") => {
                if let Some(name) = path.file_name() {
                    let holders = self.files.entry(name.to_owned()).or_default();
                    holders.push(holder);
                }
            }
            _ => {}
        }
    }

    pub(super) fn of_pipe(&self, inode: u64) -> &[Holder] {
        self.pipes.get(&inode).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_socket(&self, inode: u64) -> &[Holder] {
        self.sockets.get(&inode).map_or(&[], Vec::as_slice)
    }

    pub(super) fn signalfds_of(&self, pid: u32) -> impl Iterator<Item = u32> {
        let own = self.signalfds.iter().filter(move |it| it.pid == pid);
        own.map(|it| it.descriptor)
    }

    /// Of terminals of that path, in any mount namespace.
    pub(super) fn of_terminal(&self, path: &Path) -> &[Holder] {
        self.terminals.get(path).map_or(&[], Vec::as_slice)
    }

    /// Of files of that name in any folder.
    pub(super) fn of_name(&self, name: &std::ffi::OsStr) -> &[Holder] {
        self.files.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn the_open_files_of_this_process_are_found() {
        let me = std::process::id();
        let (reader, _writer) = std::io::pipe().expect("a pipe can be made");
        let link = fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd()));
        let Link::Pipe(inode) = Link::parse(&link.expect("it is open")) else {
            panic!("a pipe is a pipe");
        };
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        let index = Index::of_host(me, &[]);
        let mine = |holders: &[Holder]| holders.iter().filter(|it| it.pid == me).count();
        assert_eq!(mine(index.of_pipe(inode)), 2);
        assert_eq!(index.of_pipe(0), []);
        let name = file.path().file_name().expect("it has a name");
        assert_eq!(mine(index.of_name(name)), 1);
        let others = Index::of_host(me, &[me]);
        assert_eq!(mine(others.of_pipe(inode)), 0);
    }
}
