//! What a sleeping thread waits for, and the processes that can end that wait. Plain data.

/// What a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The kind of thing.
    pub on: On,
    /// A few of the processes at the other end, those that a dead child left behind first.
    pub ends: Vec<End>,
    /// Why `ends` may be incomplete: `reading /proc/42/fd needs CAP_SYS_PTRACE`.
    pub unknown: Option<String>,
}

impl Block {
    /// Whether only another process or thread can end it. Idle programs wait otherwise: for any of
    /// several events, for a time, or for a signal.
    pub fn is_hard(&self) -> bool {
        match &self.on {
            On::PipeRead
            | On::PipeWrite
            | On::Connect { .. }
            | On::Eventfd
            | On::LoneFutex
            | On::FifoOpen { .. }
            | On::SharedFutex { .. }
            | On::FileLock { .. }
            | On::VforkChild
            | On::Fuse
            | On::Network { .. }
            | On::Terminal { .. }
            | On::TerminalWrite { .. }
            | On::Master { .. }
            | On::Disk => true,
            On::Ipc { timed, .. } => !timed,
            On::Socket { peer, open, .. } => !open && (peer.is_some() || !self.ends.is_empty()),
            On::PrivateFutex
            | On::Events { .. }
            | On::Timer
            | On::Signal
            | On::Child
            | On::Other { .. } => false,
        }
    }

    /// Whether it is unknown which of its ends has to act.
    pub fn is_open(&self) -> bool {
        matches!(self.on, On::SharedFutex { .. }) && self.ends.len() > 1
    }

    /// The process that can end it: the last one in the chain of other ends, which waits for no other.
    pub fn actor(&self) -> Option<&End> {
        if self.is_open() {
            return None;
        }
        let end = self.ends.first()?;
        let further = end.waits_for.as_ref().and_then(|block| block.actor());
        Some(further.unwrap_or(end))
    }

    /// Whether the other end was left behind by a dead child.
    pub fn is_left_by_dead_child(&self) -> bool {
        let mut ends = self.ends.iter();
        ends.any(|end| end.relation == Relation::LeftByDeadChild)
    }
}

/// Things that a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// Reading from a pipe, until a writer writes or closes it.
    PipeRead,
    /// Writing to a full pipe, until a reader reads or closes it.
    PipeWrite,
    /// Opening a FIFO, until a process opens its other end.
    FifoOpen {
        /// Its path.
        path: Option<String>,
    },
    /// A socket: `unix`, `tcp`, `udp`, `netlink` or the like.
    Socket {
        /// Its family.
        family: String,
        /// The address of the peer, or its own if it is open.
        peer: Option<String>,
        /// It has no peer: it waits until any process connects or sends.
        open: bool,
    },
    /// Connecting, until a listener accepts. Its ends are the listeners.
    Connect {
        /// Its family.
        family: String,
        /// The address that it connects to; `None` if it waits for space in the queue of a receiver
        /// of datagrams.
        address: Option<String>,
    },
    /// A message queue or a semaphore.
    Ipc {
        /// Which.
        what: Ipc,
        /// Whether the wait ends by itself after a while.
        timed: bool,
    },
    /// An eventfd.
    Eventfd,
    /// A lock or condition of its own process.
    PrivateFutex,
    /// The same, but its process has no other thread that could release it.
    LoneFutex,
    /// A lock or condition in shared memory. Its ends are the processes that map that memory; the
    /// kernel does not show which of them holds the lock.
    SharedFutex {
        /// The file that is mapped, such as one in /dev/shm.
        path: Option<String>,
    },
    /// A lock on a file.
    FileLock {
        /// The file.
        path: Option<String>,
    },
    /// A child made by vfork or `posix_spawn`, until that execs or exits.
    VforkChild,
    /// A FUSE server.
    Fuse,
    /// A network file system: `server:/export on /place`.
    Network {
        /// Which.
        mount: String,
    },
    /// Reading from a terminal. Its ends hold the master side.
    Terminal {
        /// Which.
        path: Option<String>,
    },
    /// Writing to a terminal. Its ends hold the master side.
    TerminalWrite {
        /// Which.
        path: Option<String>,
    },
    /// Reading from the master side of a terminal. Its ends have the terminal open.
    Master {
        /// The terminal.
        path: Option<String>,
    },
    /// Any of several of these (poll, select, epoll).
    Events {
        /// Their kinds, such as `pipe` and `socket`, if they can be read.
        kinds: Vec<String>,
        /// Whether it ends by itself after a while.
        timed: bool,
    },
    /// Time to pass.
    Timer,
    /// A signal.
    Signal,
    /// A child, in a wait call.
    Child,
    /// A disk.
    Disk,
    /// Something else, in this kernel function.
    Other {
        /// The function.
        wchan: Option<String>,
    },
}

/// A message queue or a semaphore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ipc {
    /// A System V message queue. Its end is the last process that sent or, if it is full, received.
    Messages {
        /// Its identifier, as `ipcs -q` has it.
        queue: Option<u32>,
        /// Whether it waits for space.
        full: bool,
    },
    /// A System V semaphore set. Its end is the last process that changed the semaphore.
    Semaphore {
        /// The identifier of the set, as `ipcs -s` has it.
        set: Option<u32>,
    },
    /// A POSIX message queue. Its ends have it open for sending or, if it is full, for receiving.
    Queue {
        /// Its name.
        name: Option<String>,
        /// It waits for room.
        full: bool,
    },
}

/// A process at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The letter of its state.
    pub state: Option<char>,
    /// How it is related to the zombies or to the one that waits.
    pub relation: Relation,
    /// What it waits for itself, if that keeps it from acting.
    pub waits_for: Option<Box<Block>>,
}

/// How a process at the other end is related to the zombies and to the waiting process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Left behind by a dead child: in its process group or session.
    LeftByDeadChild,
    /// A descendant of the one that waits.
    Descendant,
    /// The waiting process itself, so that the other end never closes.
    Itself,
    /// Its tracer.
    Tracer,
    /// Any other process.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_processes_that_share_memory_have_no_single_actor() {
        let end = |pid| End {
            pid,
            comm: "worker".to_owned(),
            state: Some('S'),
            relation: Relation::Descendant,
            waits_for: None,
        };
        let actor = |on, pids: &[u32]| {
            let block = Block {
                on,
                ends: pids.iter().copied().map(end).collect(),
                unknown: None,
            };
            block.actor().map(|end| end.pid)
        };
        let shared = || On::SharedFutex { path: None };
        assert_eq!(actor(shared(), &[7, 8]), None);
        assert_eq!(actor(shared(), &[7]), Some(7));
        assert_eq!(actor(On::PipeRead, &[7, 8]), Some(7));
    }
}
