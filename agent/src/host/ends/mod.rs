//! What a sleeping thread waits for, and which processes have the other end. I/O, done off the
//! loop.
//!
//! `Search::new` begins a round, `Search::left_by` sets the zombies whose relatives come first, and
//! `Search::block_of` answers for one thread. All answers of a round use one scan of the descriptors
//! of the host, made on first use and bounded in files and time. `ends` without `unknown` is
//! complete: if it is empty, no process has the other end.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
};

use call::Call;
use descriptor::{Info, Link};
use index::{Holder, Index};
use kin::{DeadChildren, Stat};
use shared::Mapped;
use things::of_wchan;

use crate::host::mounts::Mount;
use crate::host::parse;
use crate::host::proc;
use crate::host::refusal;
use crate::host::stuck::fuse;
use model::culprit::evidence::block::{Block, End, On, Relation};

mod call;
mod chain;
mod descriptor;
mod index;
mod ipc;
mod kin;
mod locks;
mod memory;
mod mounts;
mod peers;
mod sets;
mod shared;
mod terminals;
mod things;

/// Ends that are named.
const ENDS: usize = 4;
/// Holders that are looked at for one block.
const HOLDERS: usize = 256;

/// What the answers of one round share.
#[derive(Debug, Default)]
pub struct Search {
    /// The process whose descriptors are looked at first.
    first: u32,
    dead: DeadChildren,
    index: Option<Index>,
    mapped: Option<Mapped>,
    servers: Option<fuse::Servers>,
    /// Files that may not be read, with the missing capability.
    unreadable: BTreeSet<String>,
}

/// What a process does with its end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
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
        self.dead = DeadChildren::read(zombies);
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

    /// Whether a process has a signalfd for SIGCHLD; `None` if that may not be read.
    pub fn has_signalfd(&mut self, pid: u32) -> Option<bool> {
        let alone;
        let index = match &self.index {
            Some(index) if !index.cut => index,
            _ => {
                alone = Index::of_process(pid);
                &alone
            }
        };
        let refused = index.refused.contains(&pid);
        let own: Vec<_> = index.signalfds_of(pid).collect();
        for descriptor in own {
            let path = format!("/proc/{pid}/fdinfo/{descriptor}");
            let info = self.got(&path, proc::text(&path))?;
            if Info(&info).takes_sigchld() {
                return Some(true);
            }
        }
        if refused {
            self.refuse(&format!("/proc/{pid}/fd"));
        }
        (!refused).then_some(false)
    }

    /// What could not be read since the last call, with the missing capability.
    pub fn take_unreadable(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unreadable).into_iter().collect()
    }

    /// The text of a file; notes a missing capability.
    fn got<T>(&mut self, path: &str, read: io::Result<T>) -> Option<T> {
        if let Err(error) = &read
            && error.kind() == ErrorKind::PermissionDenied
        {
            self.refuse(path);
        }
        read.ok()
    }

    /// Notes a file that may not be read if a capability would change that, and returns the reason.
    pub(super) fn refuse(&mut self, path: &str) -> String {
        self.note_refused(path, refusal::missing(path))
    }

    fn note_refused(&mut self, path: &str, missing: Option<&str>) -> String {
        self.unreadable
            .extend(missing.map(|it| format!("{path} needs {it}")));
        refusal::words_for(path, missing)
    }

    /// The processes that have the FUSE device open, looked up once a round.
    pub(crate) fn fuse_servers(&mut self) -> &fuse::Servers {
        self.servers.get_or_insert_with(fuse::Servers::of_host)
    }

    fn index(&mut self) -> &Index {
        let first = self.first;
        self.index.get_or_insert_with(|| Index::of_host(first))
    }

    /// Without what its ends wait for in turn.
    fn alone(&mut self, pid: u32, tid: u32) -> Option<Block> {
        let root = format!("/proc/{pid}/task/{tid}");
        let status = proc::text(format!("{root}/status")).ok()?;
        if !matches!(parse::state(&status)?, 'S' | 'D' | 'I') {
            return None;
        }
        let wchan = proc::text(format!("{root}/wchan")).ok();
        let wchan = wchan.and_then(|text| parse::wchan(&text));
        // Without the call, only the function that it sleeps in is known.
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
            let why = self.refuse(&path);
            block.unknown.get_or_insert(why);
        }
        Some(block)
    }

    fn block(&mut self, at: &At, call: Call) -> Block {
        if let Some(block) = self.of_file_system(at, call) {
            return block;
        }
        match call {
            Call::Read(descriptor) => self.of_descriptor(at, descriptor, Direction::Read),
            Call::Write(descriptor) => self.of_descriptor(at, descriptor, Direction::Write),
            Call::Open { folder, path } if at.sleeps_in(&["fifo_open", "wait_for_partner"]) => {
                self.of_open(at, folder, path)
            }
            Call::Poll { .. } | Call::Select { .. } | Call::Epoll { .. } => self.of_set(at, call),
            Call::Ring => simple(On::Events {
                kinds: vec!["io_uring".to_owned()],
                timed: false,
            }),
            Call::Connect {
                descriptor,
                address,
                len,
            } => self.of_connect(at, descriptor, address, len),
            Call::Futex {
                private,
                word,
                timed,
            } => {
                let word = (!private).then_some(word);
                self.of_futexes(at, word.as_slice(), timed)
            }
            Call::Futexes { list, count, timed } => self.of_list_of_futexes(at, list, count, timed),
            Call::Messages { queue, full } => self.of_messages(at, queue, full),
            Call::Semaphore {
                set,
                list,
                count,
                timed,
            } => self.of_semaphore(at, set, (list, count), timed),
            Call::TimedQueue { descriptor, full } => {
                let way = if full {
                    Direction::Write
                } else {
                    Direction::Read
                };
                let mut block = self.of_descriptor(at, descriptor, way);
                if let On::Ipc { timed, .. } = &mut block.on {
                    *timed = true;
                }
                block
            }
            Call::Restarted => of_restarted(at),
            Call::Lock(descriptor) => self.of_lock(at, descriptor),
            Call::Fork => self.of_vfork(at),
            Call::Sleep => simple(On::Timer),
            Call::Signal => simple(On::Signal),
            Call::Wait => simple(On::Child),
            Call::About(_) | Call::Open { .. } | Call::Other => of_wchan(at),
        }
    }

    /// At most four of them, those that a dead child left behind first. The waiting process is named
    /// only if it is the only one: then no other process can end the wait.
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

    /// Why the search may have missed a process, if it found none.
    fn unknown(&mut self, nobody: bool) -> Option<String> {
        let index = self.index();
        if !nobody {
            return None;
        }
        if index.cut {
            return Some("the search for the other end ran into its limits".to_owned());
        }
        let refused: Vec<_> = index.refused.iter().copied().collect();
        may_have_it(&refused)
    }

    /// The same for one of many descriptors: of processes that are closed to us for other reasons
    /// than our privileges, only relatives count.
    fn unknown_of_set(&mut self, waiter: u32, nobody: bool) -> Option<String> {
        let index = self.index();
        if index.cut || refusal::missing(FD).is_some() {
            return self.unknown(nobody);
        }
        let refused = index.refused.clone().into_iter();
        let own = Stat::read(waiter);
        let is_near = |&pid: &u32| {
            let stat = Stat::read(pid);
            let near = stat.is_some_and(|it| self.dead.is_near(it, own)) && pid != 1;
            near || own.is_some_and(|own| own.parent == pid)
        };
        let near: Vec<_> = refused.filter(is_near).collect();
        may_have_it(&near).filter(|_| nobody)
    }
}

/// The descriptors of a process.
const FD: &str = "/proc/PID/fd";

/// That any of these processes may have the other end, since their descriptors may not be read.
fn may_have_it(refused: &[u32]) -> Option<String> {
    match (refusal::missing(FD), refused) {
        (_, []) => None,
        (Some(capability), _) => {
            let of = refusal::processes(refused.len());
            let what = format!("{FD} of {of}");
            Some(refusal::words_for(&what, Some(capability)))
        }
        (None, [pid]) => Some(format!(
            "{} (PID {pid}) may hold it, but its file descriptors cannot be read",
            proc::comm(*pid).unwrap_or_default()
        )),
        (None, _) => Some(format!(
            "the file descriptors of {} cannot be read",
            refusal::processes(refused.len())
        )),
    }
}

impl At {
    /// Whether the name of the function it sleeps in has one of these prefixes.
    fn sleeps_in(&self, functions: &[&str]) -> bool {
        let wchan = self.wchan.as_deref().unwrap_or_default();
        functions.iter().any(|name| wchan.starts_with(name))
    }
}

/// The mount of the descriptor of the call in which a thread sleeps.
pub(super) fn mount_of_call(root: &str) -> Option<Mount> {
    let call = proc::text(format!("{root}/syscall")).ok()?;
    mounts::of_descriptor(root, Call::parse(&call)?.descriptor()?)
}

/// A restarted wait with a timeout: a sleep, a poll, or a lock.
fn of_restarted(at: &At) -> Block {
    match of_wchan(at).on {
        On::Events { kinds, .. } => simple(On::Events { kinds, timed: true }),
        _ => simple(On::Timer),
    }
}

fn simple(on: On) -> Block {
    Block {
        on,
        ends: Vec::new(),
        unknown: None,
    }
}

#[cfg(test)]
mod tests;
