//! What a sleeping thread waits for, and who could end that. Plain data.

/// What a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The kind of thing.
    pub on: On,
    /// Who has the other end: orphans and descendants of the dead child first. A few at most.
    pub ends: Vec<End>,
    /// Why that is not known, and what would tell: `reading /proc/42/fd needs CAP_SYS_PTRACE`.
    pub unknown: Option<String>,
}

impl Block {
    /// Whether it ends only when somebody else acts. Else it is how an idle program sleeps: until
    /// any of several things happens, for a time, or for a signal.
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

    /// Whether any of its ends may be the one that has to act.
    pub fn is_open(&self) -> bool {
        matches!(self.on, On::SharedFutex { .. }) && self.ends.len() > 1
    }

    /// Whoever keeps it from ending, and is not kept from acting by yet another: the last of the
    /// chain of other ends.
    pub fn actor(&self) -> Option<&End> {
        if self.is_open() {
            return None;
        }
        let end = self.ends.first()?;
        let further = end.waits_for.as_ref().and_then(|block| block.actor());
        Some(further.unwrap_or(end))
    }

    /// Whether the other end was left behind by a dead child.
    pub fn is_left_by_the_dead(&self) -> bool {
        let mut ends = self.ends.iter();
        ends.any(|end| end.relation == Relation::LeftByTheDead)
    }
}

/// Things that a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// To read from a pipe, until whoever can write to it writes or closes it.
    PipeRead,
    /// To write to a pipe that is full, until whoever can read from it reads or closes it.
    PipeWrite,
    /// To open a FIFO, which needs somebody at its other end.
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
        /// It is connected to nobody: it waits for whoever connects or sends.
        open: bool,
    },
    /// A connection that it asked for, until whoever listens takes it. Its ends are those who listen.
    Connect {
        /// Its family.
        family: String,
        /// The address that it connects to; `None` where it waits for room at the receiver of a
        /// datagram.
        address: Option<String>,
    },
    /// A message queue or a semaphore.
    Ipc {
        /// Which.
        what: Ipc,
        /// Whether the wait ends by itself after a while.
        timed: bool,
    },
    /// To be told by an eventfd.
    Eventfd,
    /// A lock or condition of its own process.
    PrivateFutex,
    /// A lock or condition that only another thread of its process could release, and there is none.
    LoneFutex,
    /// A lock or condition in memory that it shares with others. Its ends are those who can act as
    /// far as that can be known: the kernel does not say who of them has to.
    SharedFutex {
        /// The file that is mapped, such as one in /dev/shm.
        path: Option<String>,
    },
    /// A lock on a file.
    FileLock {
        /// The file.
        path: Option<String>,
    },
    /// The child that it made by vfork or `posix_spawn`, until that execs or ends.
    VforkChild,
    /// A FUSE server.
    Fuse,
    /// A network file system: `server:/export on /place`.
    Network {
        /// Which.
        mount: String,
    },
    /// To read from a terminal. Its ends hold the master side of it.
    Terminal {
        /// Which.
        path: Option<String>,
    },
    /// To write to a terminal. Its ends hold the master side of it.
    TerminalWrite {
        /// Which.
        path: Option<String>,
    },
    /// The master side of a terminal: to read what is written to the terminal. Its ends have that
    /// open.
    Master {
        /// The terminal.
        path: Option<String>,
    },
    /// Several of these at once (poll, select, epoll), whichever comes first.
    Events {
        /// What is among them, `pipe`, `socket` and the like, as far as that can be read.
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
    /// A message queue of System V. Its end is the last that sent, or received where it is full.
    Messages {
        /// Its identifier, as `ipcs -q` has it.
        queue: Option<u32>,
        /// It waits for room.
        full: bool,
    },
    /// Semaphores of System V. Its end is the last that changed one that it waits for.
    Semaphore {
        /// The identifier of the set, as `ipcs -s` has it.
        set: Option<u32>,
    },
    /// A POSIX message queue. Its ends have it open to send, or to receive where it is full.
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
    /// What it waits for itself, where that keeps it from acting.
    pub waits_for: Option<Box<Block>>,
}

/// How whoever is at the other end is related to the zombies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// In the group or session of a dead child, or a descendant of it: left behind by it.
    LeftByTheDead,
    /// A descendant of the one that waits.
    Descendant,
    /// The process itself has the other end too, so that it never closes.
    Itself,
    /// Its tracer.
    Tracer,
    /// Anybody else.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_who_share_memory_nobody_is_the_one_to_act() {
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
