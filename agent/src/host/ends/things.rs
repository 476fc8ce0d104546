//! What a thread waits for, and which processes are at the other end: one function for each kind.
//! I/O.

use std::path::Path;

use super::{
    At, Block, Call, Direction, ErrorKind, HOLDERS, Holder, Info, Link, On, Search, fs, fuse, ipc,
    kin, locks, memory, mounts, peers, proc, refusal, simple,
};
use crate::host::mounts::Mount;

/// The longest address of a Unix socket, with its family.
const ADDRESS: usize = 110;
/// Prefixes of functions that wait for a block device.
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

impl Search {
    /// A file system whose server does not answer, or a disk.
    pub(super) fn of_file_system(&mut self, at: &At, call: Call) -> Option<Block> {
        let of_disk = at.sleeps_in(&DISK);
        // A FUSE server that waits for requests.
        let serves = at.sleeps_in(&["fuse_dev_"]);
        let fuse = at.sleeps_in(&["request_wait_answer", "fuse_"]) && !serves;
        let network = at.sleeps_in(&["rpc_", "nfs_", "nfs4_", "cifs_", "smb2_", "ceph_", "p9_"]);
        if !(of_disk || fuse || network) {
            return None;
        }
        let mount = call
            .descriptor()
            .and_then(|descriptor| mounts::of_descriptor(&at.root, descriptor));
        if fuse || of_disk && mount.as_ref().is_some_and(Mount::is_fuse) {
            return Some(self.of_fuse(at));
        }
        let is_network = mount.as_ref().is_some_and(Mount::is_network);
        if !network && !is_network {
            return Some(simple(On::Disk));
        }
        let mut seen = mounts::seen_by(&at.root);
        seen.retain(Mount::is_network);
        let words = match (mount.filter(|_| is_network), seen.as_slice()) {
            (Some(mount), _) => Some(mount.words()),
            (None, [only]) => Some(only.words()),
            _ => None,
        };
        let others = || seen.iter().map(Mount::words);
        Some(Block {
            unknown: words
                .is_none()
                .then(|| "it may be any of these mounts".to_owned()),
            ..simple(On::Network {
                mount: words.unwrap_or_else(|| others().collect::<Vec<_>>().join(", ")),
            })
        })
    }

    pub(super) fn of_fuse(&mut self, at: &At) -> Block {
        let (connections, exact) = fuse::connections(at.pid, at.tid, self);
        let servers = connections.iter().flat_map(|it| &it.servers);
        let holders = servers.map(|server| server.pid).collect();
        let certain = exact && connections.iter().all(|it| it.servers_are_certain);
        Block {
            on: On::Fuse,
            ends: self.ends(at.pid, holders),
            unknown: (!certain).then(|| "it may be another FUSE server".to_owned()),
        }
    }

    pub(super) fn of_descriptor(&mut self, at: &At, descriptor: u32, way: Direction) -> Block {
        let path = format!("{}/fd/{descriptor}", at.root);
        let Some(target) = self.got(&path, fs::read_link(&path)) else {
            let folder = format!("/proc/{}/fd", at.pid);
            let denied =
                fs::read_link(&path).is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
            return Block {
                unknown: denied.then(|| refusal::words(&folder)),
                ..of_wchan(at)
            };
        };
        match Link::parse(&target) {
            Link::Pipe(inode) => {
                let holders = self.index().of_pipe(inode).to_vec();
                self.of_pipe(at, way, holders)
            }
            Link::Socket(inode) => self.of_socket(at, inode),
            Link::Terminal(path) => self.of_terminal(at, &path, way),
            Link::Master => self.of_master(at, descriptor),
            Link::File(path) if at.sleeps_in(&["wq_sleep"]) => {
                self.of_queue(at, descriptor, way, &path)
            }
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
            Link::FuseDevice => simple(On::Events {
                kinds: vec![Link::FuseDevice.kind().to_owned()],
                timed: false,
            }),
            Link::File(_) => of_wchan(at),
        }
    }

    /// The processes that have the same FIFO open.
    pub(super) fn of_fifo(&mut self, root: &str, descriptor: u32, path: &Path) -> Vec<Holder> {
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

    pub(super) fn of_pipe(&mut self, at: &At, way: Direction, holders: Vec<Holder>) -> Block {
        let (on, wants) = match way {
            Direction::Read => (On::PipeRead, Direction::Write),
            Direction::Write => (On::PipeWrite, Direction::Read),
        };
        let (pids, unread) = facing(holders, wants);
        let ends = self.ends(at.pid, pids);
        let unknown = self.unknown(ends.is_empty()).or(unread);
        Block { on, ends, unknown }
    }

    pub(super) fn of_eventfd(&mut self, at: &At, descriptor: u32) -> Block {
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
            None => Some("this kernel has no eventfd-id in fdinfo".to_owned()),
        };
        Block {
            on: On::Eventfd,
            ends,
            unknown,
        }
    }

    pub(super) fn of_socket(&mut self, at: &At, inode: u64) -> Block {
        let Some(socket) = peers::of(at.pid, inode) else {
            return Block {
                unknown: Some("reapwatch does not look up sockets of this kind".to_owned()),
                ..simple(On::Socket {
                    family: "other".to_owned(),
                    peer: None,
                    open: false,
                })
            };
        };
        let holders = socket
            .peer
            .map(|peer| self.index().of_socket(peer).to_vec());
        let holders = holders.unwrap_or_default();
        let ends = self.ends(at.pid, holders.iter().map(|it| it.pid).collect());
        let unsure = socket.peer.and_then(|_| self.unknown(ends.is_empty()));
        let family = socket.family.to_owned();
        let no_room = socket.open && at.sleeps_in(&["unix_wait_for_peer"]);
        let on = match socket.address {
            _ if no_room => On::Connect {
                family,
                address: None,
            },
            address if socket.connecting => On::Connect { family, address },
            peer => On::Socket {
                family,
                peer,
                open: socket.open,
            },
        };
        Block {
            on,
            ends,
            unknown: socket.unknown.or(unsure),
        }
    }

    /// Only the arguments of the call show where a Unix socket connects to.
    pub(super) fn of_connect(&mut self, at: &At, descriptor: u32, address: u64, len: u64) -> Block {
        let block = self.of_descriptor(at, descriptor, Direction::Write);
        let On::Connect {
            family,
            address: None,
        } = &block.on
        else {
            return block;
        };
        let len = usize::try_from(len).unwrap_or_default().min(ADDRESS);
        let bytes = match self.argument(at.pid, address, len) {
            Ok(bytes) => bytes,
            Err(unknown) => return Block { unknown, ..block },
        };
        let name = peers::unix_name(bytes.get(2..).unwrap_or_default());
        let listener = name
            .as_deref()
            .and_then(|name| peers::unix_listener(at.pid, name));
        let holders = listener.map(|inode| self.index().of_socket(inode).to_vec());
        let pids = holders.into_iter().flatten().map(|it| it.pid).collect();
        let ends = self.ends(at.pid, pids);
        let unknown = match listener {
            Some(_) => self.unknown(ends.is_empty()),
            None => Some("no socket listens there in its network namespace".to_owned()),
        };
        Block {
            on: On::Connect {
                family: family.clone(),
                address: name,
            },
            ends,
            unknown,
        }
    }

    pub(super) fn of_open(&mut self, at: &At, folder: i32, path: u64) -> Block {
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
            path.components().collect::<std::path::PathBuf>()
        });
        let unknown = denied.then(|| self.refuse(&format!("the memory of process {}", at.pid)));
        Block {
            unknown,
            ..simple(On::FifoOpen {
                path: path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes())),
            })
        }
    }

    pub(super) fn of_lock(&mut self, at: &At, descriptor: u32) -> Block {
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
                let holders = self.index().of_name(name).iter().take(HOLDERS);
                pids.extend(holders.filter(has).map(|it| it.pid));
            }
            if pids.is_empty() {
                pids.extend(lock.owner);
            }
        }
        let ends = self.ends(at.pid, pids);
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

    pub(super) fn of_vfork(&mut self, at: &At) -> Block {
        let child = kin::vfork_child(at.pid, at.tid);
        let ends = self.ends(at.pid, child.into_iter().collect());
        Block {
            on: On::VforkChild,
            unknown: ends
                .is_empty()
                .then(|| "the child was not found".to_owned()),
            ends,
        }
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
