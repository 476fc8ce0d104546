//! Evidence on a process that does not exit although it was killed, began to exit, or was sent a
//! terminating signal. Plain data, read by `collect` and its helpers and judged by the rules of
//! `verdict::stuck`.

pub mod ignored;
pub mod unheard;
pub mod watch;

use crate::culprit::evidence::{Block, Freezer, Frozen};
use ignored::{Fate, Ignored};

/// All that is known about one of them at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Stuck {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// How long it has been stuck.
    pub stuck_ns: u64,
    /// Whether `stuck_ns` is a lower bound.
    pub is_lower_bound: bool,
    /// The last fatal signal and its sender, as text.
    pub kill: Option<(String, String)>,
    /// The terminating signal that it ignored: then it is not exiting at all.
    pub ignored: Option<Ignored>,
    /// The facts from /proc; `None` if they could not be read in time.
    pub facts: Option<Facts>,
}

/// Another process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The letter of its state, if it was read.
    pub state: Option<char>,
    /// Whether it handles, ignores or blocks SIGTERM, so that SIGTERM need not end it.
    pub handles_term: bool,
    /// Its tracer, of one that a debugger has stopped.
    pub tracer: Option<Box<Actor>>,
    /// What one of its threads is blocked on, if that keeps it from acting.
    pub block: Option<Block>,
}

/// The facts from /proc.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Threads that have not ended; at most as many as are looked at.
    pub threads: Vec<Thread>,
    /// Threads that have ended and wait for the others.
    pub ended: u32,
    /// Whether it is dumping core; `None` if the kernel does not show that.
    pub dumps_core: Option<bool>,
    /// The freezer that holds its cgroup.
    pub freezer: Option<Freezer>,
    /// The other processes in the cgroup that `freezer` would thaw.
    pub frozen_with_it: Option<Frozen>,
    /// Its tracer.
    pub tracer: Option<Actor>,
    /// FUSE connections that may be the one it waits for.
    pub fuse: Vec<Connection>,
    /// Whether `fuse` is the one that it waits for, not a list of candidates.
    pub fuse_is_exact: bool,
    /// Network file systems that it sees, `server:/export on /place`.
    pub network: Vec<String>,
    /// Where its core dump goes.
    pub core_helper: Option<CoreHelper>,
    /// The processes left in the PID namespace of which it is the init.
    pub left_in_namespace: Vec<Member>,
    /// The missing capabilities to read a kernel stack and a wchan.
    pub needs: [Option<&'static str>; 2],
    /// Whether there was no time to look for other processes: those listed here may not be all.
    pub is_unsearched: bool,
    /// Why the signal that it was sent is pending, if it is.
    pub pending: Option<Fate>,
    /// Whether the sender of the signal that it ignored is in a wait call for it.
    pub sender_waits: Option<bool>,
}

/// A thread that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub tid: u32,
    /// The letter of its state.
    pub state: char,
    /// Whether the freezer of its cgroup holds it; since 6.1 in any sleep.
    pub frozen: bool,
    /// Whether SIGKILL is pending.
    pub kill_pending: bool,
    /// Whether it is past the start of its exit (`PF_EXITING`).
    pub exiting: bool,
    /// The kernel function that it sleeps in.
    pub wchan: Option<String>,
    /// Its kernel stack, innermost first; empty if it could not be read.
    pub stack: Vec<Frame>,
}

/// One function of a kernel stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name.
    pub function: String,
    /// The module that it is in.
    pub module: Option<String>,
}

#[cfg(test)]
impl Frame {
    /// Of `function` or `function module`.
    pub fn of(line: &str) -> Self {
        let (function, module) = line.split_once(' ').unwrap_or((line, ""));
        Self {
            function: function.to_owned(),
            module: (!module.is_empty()).then(|| module.to_owned()),
        }
    }
}

#[cfg(test)]
impl Thread {
    /// A killed thread with these frames, each as [`Frame::of`] takes it.
    pub fn of(tid: u32, state: char, stack: &[&str]) -> Self {
        Self {
            tid,
            state,
            frozen: false,
            kill_pending: true,
            exiting: false,
            wchan: None,
            stack: stack.iter().map(|line| Frame::of(line)).collect(),
        }
    }
}

/// A FUSE connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Its number: the minor number of its file system's device.
    pub number: u32,
    /// What is mounted, and where.
    pub mount: Option<String>,
    /// Requests without an answer.
    pub waiting: Option<u64>,
    /// The processes that have its device open, and so should answer.
    pub servers: Vec<Actor>,
    /// Whether the servers are known to be of this connection, not of any connection.
    pub servers_are_certain: bool,
    /// Why a server may be missing.
    pub hidden: Option<Hidden>,
    /// The command that aborts it.
    pub abort: String,
}

/// Why the search for a server may have missed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// The descriptors of some processes may not be read without this capability.
    Needs(&'static str),
    /// Those of some processes may not be read at all.
    Refused,
    /// There was no time to look at all processes.
    Cut,
}

/// Where a core dump goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreHelper {
    /// The host's `core_pattern`.
    pub pattern: String,
    /// The program that it names, if it is running.
    pub process: Option<Actor>,
    /// The mount to which the kernel writes the file, `sshfs on /mnt`, if known.
    pub mount: Option<String>,
}

/// A process that keeps the init of a PID namespace from exiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The process.
    pub process: Actor,
    /// Its parent, which may be outside the namespace.
    pub parent: Option<Actor>,
}
