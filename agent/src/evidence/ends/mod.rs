//! What a sleeping thread waits for, and which processes have the other end. I/O, done off the
//! loop.
//!
//! `Search::new` begins a round; `Search::left_by` says whose relatives come first, and
//! `Search::block_of` answers for one thread. All answers of a round rest on one look at the
//! descriptors of the host, made when the first answer needs it and bounded in files and time.
//! `ends` without `unknown` is the whole truth: where it is empty, nobody has the other end.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
};

use call::Call;
use descriptor::{Info, Link};
use index::{Holder, Index};
use kin::{Dead, Stat};

use super::{
    block::{Block, End, On, Relation},
    parse,
    stuck::fuse,
};
use crate::proc;

mod call;
mod chain;
mod descriptor;
mod index;
mod kin;
mod locks;
mod memory;
mod mounts;
mod peers;
mod sets;

/// Ends that are named.
const ENDS: usize = 4;
/// Holders that are looked at for one block.
const HOLDERS: usize = 256;
/// Descriptors of a process that are looked at.
const DESCRIPTORS: usize = 1_024;

/// What one round of questions shares.
#[derive(Debug, Default)]
pub struct Search {
    /// Whose descriptors are looked at first.
    first: u32,
    dead: Dead,
    index: Option<Index>,
    /// Files that may not be read, and what that needs.
    unreadable: BTreeSet<String>,
}

/// The side of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// A thread, and the folder with its files.
#[derive(Debug)]
struct At {
    pid: u32,
    tid: u32,
    root: String,
    wchan: Option<String>,
}

impl Search {
    /// A new round.
    pub fn new() -> Self {
        Self::default()
    }

    /// The answers that follow are about a process that holds these zombies.
    pub fn left_by(&mut self, zombies: &[u32]) {
        self.dead = Dead::read(zombies);
    }

    /// What a thread waits for; `None` of one that does not sleep.
    pub fn block_of(&mut self, pid: u32, tid: u32) -> Option<Block> {
        if self.index.is_none() {
            self.first = pid;
        }
        let mut block = self.alone(pid, tid)?;
        self.follow(&mut block, &mut vec![pid]);
        Some(block)
    }

    /// Whether a process has a signalfd that takes SIGCHLD; `None` where that may not be read.
    pub fn has_signalfd(&mut self, pid: u32) -> Option<bool> {
        let root = format!("/proc/{pid}");
        let folder = format!("{root}/fd");
        let descriptors = self.got(&folder, proc::numbers(&folder))?;
        let mut refused = false;
        for descriptor in descriptors.take(DESCRIPTORS) {
            match fs::read_link(format!("{root}/fd/{descriptor}")) {
                Ok(target) if Link::parse(&target).kind() == "signalfd" => {
                    let path = format!("{root}/fdinfo/{descriptor}");
                    let info = self.got(&path, proc::text(&path))?;
                    if Info(&info).takes_sigchld() {
                        return Some(true);
                    }
                }
                Err(error) => refused |= error.kind() == ErrorKind::PermissionDenied,
                Ok(_) => {}
            }
        }
        if refused {
            self.refuse(&folder);
        }
        (!refused).then_some(false)
    }

    /// What could not be read for the answers since the last call, and what that needs.
    pub fn take_unreadable(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unreadable).into_iter().collect()
    }

    /// What was read of a file; notes where that needs a capability.
    fn got<T>(&mut self, path: &str, read: io::Result<T>) -> Option<T> {
        if let Err(error) = &read
            && error.kind() == ErrorKind::PermissionDenied
        {
            self.refuse(path);
        }
        read.ok()
    }

    pub(super) fn refuse(&mut self, path: &str) -> String {
        let needs = needs(path);
        self.unreadable.insert(needs.clone());
        needs
    }

    fn index(&mut self) -> &Index {
        let first = self.first;
        self.index.get_or_insert_with(|| Index::of_host(first))
    }

    /// Without what the others wait for.
    fn alone(&mut self, pid: u32, tid: u32) -> Option<Block> {
        let root = format!("/proc/{pid}/task/{tid}");
        let status = proc::text(format!("{root}/status")).ok()?;
        if !matches!(parse::state(&status)?, 'S' | 'D' | 'I') {
            return None;
        }
        let wchan = proc::text(format!("{root}/wchan")).ok();
        let wchan = wchan.and_then(|text| parse::wchan(&text));
        // Less is said where the call may not be read.
        let path = format!("{root}/syscall");
        let (call, refused) = match proc::text(&path) {
            Ok(text) => (Call::parse(&text), false),
            Err(error) => (None, error.kind() == ErrorKind::PermissionDenied),
        };
        let call = call.filter(|call| *call != Call::Other);
        let by_wchan = || wchan.as_deref().map(Call::by_wchan);
        let call = call.or_else(by_wchan).unwrap_or(Call::Other);
        let at = At {
            pid,
            tid,
            root,
            wchan,
        };
        let mut block = self.block(&at, call);
        if refused {
            let needs = self.refuse(&path);
            block.unknown.get_or_insert(format!("reading {needs}"));
        }
        Some(block)
    }

    fn block(&mut self, at: &At, call: Call) -> Block {
        if let Some(block) = self.of_file_system(at, call) {
            return block;
        }
        match call {
            Call::In(descriptor) => self.of_descriptor(at, descriptor, Way::In),
            Call::Out(descriptor) => self.of_descriptor(at, descriptor, Way::Out),
            Call::Open { folder, path } if at.sleeps_in(&["fifo_open", "wait_for_partner"]) => {
                self.of_open(at, folder, path)
            }
            Call::Poll { .. } | Call::Select { .. } | Call::Epoll { .. } => self.of_set(at, call),
            Call::Ring => simple(On::Events {
                kinds: vec!["io_uring".to_owned()],
                timed: false,
            }),
            Call::Futex { private: true } => simple(On::PrivateFutex),
            Call::Futex { private: false } => Block {
                unknown: Some("who shares that memory is not looked for".to_owned()),
                ..simple(On::SharedFutex)
            },
            Call::Lock(descriptor) => self.of_lock(at, descriptor),
            Call::Fork => self.of_vfork(at),
            Call::Sleep => simple(On::Timer),
            Call::Signal => simple(On::Signal),
            Call::Wait => simple(On::Child),
            Call::About(_) | Call::Open { .. } | Call::Other => of_wchan(at),
        }
    }

    /// A file system whose server does not answer, or a disk.
    fn of_file_system(&mut self, at: &At, call: Call) -> Option<Block> {
        let of_disk = at.sleeps_in(&DISK);
        // A server that waits for requests is no user of its file system.
        let serves = at.sleeps_in(&["fuse_dev_"]);
        let fuse = !serves && at.sleeps_in(&["request_wait_answer", "fuse_"]);
        let network = at.sleeps_in(&["rpc_", "nfs_", "nfs4_", "cifs_", "smb2_", "ceph_", "p9_"]);
        if !(of_disk || fuse || network) {
            return None;
        }
        let mount = call
            .descriptor()
            .and_then(|descriptor| mounts::of_descriptor(&at.root, descriptor));
        if fuse || of_disk && mount.as_ref().is_some_and(mounts::Mount::is_fuse) {
            return Some(self.of_fuse(at));
        }
        let is_network = mount.as_ref().is_some_and(mounts::Mount::is_network);
        if !network && !is_network {
            return Some(simple(On::Disk));
        }
        let mut seen = mounts::seen_by(&at.root);
        seen.retain(mounts::Mount::is_network);
        let words = match (mount.filter(|_| is_network), seen.as_slice()) {
            (Some(mount), _) => Some(mount.words),
            (None, [only]) => Some(only.words.clone()),
            _ => None,
        };
        let others = || seen.iter().map(|mount| mount.words.clone());
        Some(Block {
            unknown: words.is_none().then(|| "which of these it is".to_owned()),
            ..simple(On::Network {
                mount: words.unwrap_or_else(|| others().collect::<Vec<_>>().join(", ")),
            })
        })
    }

    fn of_fuse(&mut self, at: &At) -> Block {
        let (connections, exact) = fuse::connections(at.pid, at.tid);
        let servers = connections.iter().flat_map(|it| &it.servers);
        let holders = servers.map(|server| server.pid).collect();
        let certain = exact && connections.iter().all(|it| it.servers_are_certain);
        Block {
            on: On::Fuse,
            ends: self.ends(at.pid, holders),
            unknown: (!certain)
                .then(|| "which FUSE server it is cannot be told for sure".to_owned()),
        }
    }

    fn of_descriptor(&mut self, at: &At, descriptor: u32, way: Way) -> Block {
        let path = format!("{}/fd/{descriptor}", at.root);
        let Some(target) = self.got(&path, fs::read_link(&path)) else {
            let folder = format!("/proc/{}/fd", at.pid);
            let denied =
                fs::read_link(&path).is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
            return Block {
                unknown: denied.then(|| format!("reading {}", needs(&folder))),
                ..of_wchan(at)
            };
        };
        match Link::parse(&target) {
            Link::Pipe(inode) => {
                let holders = self.index().of_pipe(inode).to_vec();
                self.of_pipe(at, way, holders)
            }
            Link::Socket(inode) => self.of_socket(at, inode),
            Link::Terminal(path) => simple(On::Terminal {
                path: Some(proc::name_of(path.as_os_str().as_encoded_bytes())),
            }),
            Link::Anonymous(kind) => match kind.as_str() {
                "eventfd" => self.of_eventfd(at, descriptor),
                "signalfd" => simple(On::Signal),
                "timerfd" => simple(On::Timer),
                _ => simple(On::Events {
                    kinds: vec![kind],
                    timed: false,
                }),
            },
            Link::File(path) if at.sleeps_in(&["pipe_", "anon_pipe_", "fifo_"]) => {
                let holders = self.of_fifo(&at.root, descriptor, &path);
                self.of_pipe(at, way, holders)
            }
            Link::File(_) | Link::FuseDevice => of_wchan(at),
        }
    }

    /// Who has the same FIFO open.
    fn of_fifo(&mut self, root: &str, descriptor: u32, path: &std::path::Path) -> Vec<Holder> {
        let inode = |root: &str, descriptor: u32| {
            let info = proc::text(format!("{root}/fdinfo/{descriptor}")).ok()?;
            Info(&info).number("ino")
        };
        let own = inode(root, descriptor);
        let named = path
            .file_name()
            .map(|name| self.index().of_name(name).to_vec());
        let same = |holder: &Holder| {
            own.is_some() && inode(&format!("/proc/{}", holder.pid), holder.descriptor) == own
        };
        let holders = named.into_iter().flatten().take(HOLDERS);
        holders.filter(same).collect()
    }

    fn of_pipe(&mut self, at: &At, way: Way, holders: Vec<Holder>) -> Block {
        let (on, wants) = match way {
            Way::In => (On::PipeRead, Way::Out),
            Way::Out => (On::PipeWrite, Way::In),
        };
        let (pids, unread) = self.facing(holders, wants);
        let ends = self.ends(at.pid, pids);
        let unknown = self.unknown(ends.is_empty()).or(unread);
        Block { on, ends, unknown }
    }

    /// Who of them can read or write, and why that may not be all.
    fn facing(&mut self, holders: Vec<Holder>, way: Way) -> (Vec<u32>, Option<String>) {
        let mut refused = None;
        let mut pids = Vec::new();
        for Holder { pid, descriptor } in holders.into_iter().take(HOLDERS) {
            match proc::text(format!("/proc/{pid}/fdinfo/{descriptor}")) {
                Ok(info) => {
                    let ways = Info(&info).ways();
                    let can = ways.is_some_and(|(reads, writes)| match way {
                        Way::In => reads,
                        Way::Out => writes,
                    });
                    pids.extend(can.then_some(pid));
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    refused = Some(format!("reading {}", needs(&format!("/proc/{pid}/fdinfo"))));
                }
                Err(_) => {}
            }
        }
        (pids, refused)
    }

    fn of_eventfd(&mut self, at: &At, descriptor: u32) -> Block {
        let id = |pid: u32, descriptor: u32| {
            let info = proc::text(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
            Info(&info).number("eventfd-id")
        };
        let own = id(at.pid, descriptor);
        let holders = self.index().eventfds.clone();
        let same = holders
            .into_iter()
            .filter(|it| own.is_some() && id(it.pid, it.descriptor) == own);
        let pids = same.map(|holder| holder.pid).collect();
        let ends = self.ends(at.pid, pids);
        let unknown = match own {
            Some(_) => self.unknown(ends.is_empty()),
            None => Some("this kernel does not tell eventfds apart".to_owned()),
        };
        Block {
            on: On::Eventfd,
            ends,
            unknown,
        }
    }

    fn of_socket(&mut self, at: &At, inode: u64) -> Block {
        let Some(socket) = peers::of(at.pid, inode) else {
            return Block {
                unknown: Some("sockets of its kind are not looked up".to_owned()),
                ..simple(On::Socket {
                    family: "other".to_owned(),
                    peer: None,
                })
            };
        };
        let holders = socket
            .peer
            .map(|peer| self.index().of_socket(peer).to_vec());
        let holders = holders.unwrap_or_default();
        let ends = self.ends(at.pid, holders.iter().map(|it| it.pid).collect());
        let unknown = match socket.peer {
            Some(_) => self.unknown(ends.is_empty()),
            None => socket.unknown,
        };
        Block {
            on: On::Socket {
                family: socket.family.to_owned(),
                peer: socket.address,
            },
            ends,
            unknown,
        }
    }

    fn of_open(&mut self, at: &At, folder: i32, path: u64) -> Block {
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
            folder.join(proc::path_of(&bytes))
        });
        let unknown = denied.then(|| {
            let needs = self.refuse(&format!("the memory of process {}", at.pid));
            format!("reading {needs}")
        });
        Block {
            unknown,
            ..simple(On::FifoOpen {
                path: path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes())),
            })
        }
    }

    fn of_lock(&mut self, at: &At, descriptor: u32) -> Block {
        let path = fs::read_link(format!("{}/fd/{descriptor}", at.root)).ok();
        let text = proc::text("/proc/locks").unwrap_or_default();
        let mut pids = Vec::new();
        if let Some(lock) = locks::awaited(&text, at.pid) {
            let is_alive = |pid: &u32| Stat::read(*pid).is_some_and(|it| it.state != 'Z');
            pids.extend(lock.owner.filter(is_alive));
            // The lock of an open file is with whoever has that open, the owner being gone.
            let name = path.as_ref().and_then(|path| path.file_name());
            if let Some(name) = name.filter(|_| pids.is_empty()) {
                let has = |it: &&Holder| {
                    let info = proc::text(format!("/proc/{}/fdinfo/{}", it.pid, it.descriptor));
                    info.is_ok_and(|info| locks::has(&info, lock.file))
                };
                let holders = self.index().of_name(name).iter().take(HOLDERS);
                pids.extend(holders.filter(has).map(|it| it.pid));
            }
        }
        let ends = self.ends(at.pid, pids);
        Block {
            unknown: ends
                .is_empty()
                .then(|| "/proc/locks does not name the owner".to_owned()),
            ends,
            on: On::FileLock {
                path: path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes())),
            },
        }
    }

    fn of_vfork(&mut self, at: &At) -> Block {
        let child = kin::vfork_child(at.pid, at.tid);
        let ends = self.ends(at.pid, child.into_iter().collect());
        Block {
            on: On::VforkChild,
            unknown: ends.is_empty().then(|| "which child it is".to_owned()),
            ends,
        }
    }

    /// At most four of them, those of the dead first. The waiter itself is named where it is the
    /// only one: then nobody else can end the wait.
    fn ends(&mut self, waiter: u32, pids: Vec<u32>) -> Vec<End> {
        let pids: BTreeSet<_> = pids.into_iter().take(HOLDERS).collect();
        let mut related: Vec<_> = pids
            .into_iter()
            .filter_map(|pid| {
                let stat = Stat::read(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
                Some((self.dead.relation(pid, stat, waiter), pid, stat.state))
            })
            .collect();
        related.sort_unstable();
        if related.len() > 1 {
            related.retain(|(relation, ..)| *relation != Relation::Itself);
        }
        let end = |(relation, pid, state)| End {
            pid,
            comm: proc::comm(pid).unwrap_or_default(),
            state: Some(state),
            relation,
            waits_for: None,
        };
        related.into_iter().take(ENDS).map(end).collect()
    }

    /// Why the search may have missed somebody, where it found nobody or was cut short.
    fn unknown(&mut self, nobody: bool) -> Option<String> {
        let index = self.index();
        if index.cut && nobody {
            Some("the search for the other end was cut short".to_owned())
        } else if index.refused > 0 && nobody {
            Some(format!("reading {}", needs("/proc/*/fd")))
        } else {
            None
        }
    }
}

impl At {
    /// Whether the function it sleeps in begins so.
    fn sleeps_in(&self, functions: &[&str]) -> bool {
        let wchan = self.wchan.as_deref().unwrap_or_default();
        functions.iter().any(|name| wchan.starts_with(name))
    }
}

/// Functions that wait for a block device, by how they begin.
const DISK: [&str; 9] = [
    "io_schedule",
    "folio_wait_",
    "__folio_lock",
    "wait_on_page",
    "__wait_on_buffer",
    "rq_qos_wait",
    "blk_",
    "jbd2_",
    "submit_bio_wait",
];

fn simple(on: On) -> Block {
    Block {
        on,
        ends: Vec::new(),
        unknown: None,
    }
}

/// By the function alone.
fn of_wchan(at: &At) -> Block {
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
        }
    } else if at.sleeps_in(&["n_tty_", "tty_"]) {
        On::Terminal { path: None }
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

/// A file, and the capability that reading it needs.
fn needs(path: &str) -> String {
    let capability = if path.ends_with("/stack") {
        "CAP_SYS_ADMIN"
    } else {
        "CAP_SYS_PTRACE"
    };
    format!("{path} needs {capability}")
}

#[cfg(test)]
mod tests;
