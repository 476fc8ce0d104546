//! The story of one process, alive or dead, told from what is known at one moment. Pure, but for
//! `look`, which reads what /proc says of a number.

mod leader_exited;
mod lives;
mod tell;
mod timeline;
mod unknown;
mod words;

#[cfg(test)]
mod tests;

pub use leader_exited::verdict as leader_exited;
pub use lives::{Life, State, lives};
pub use tell::tell;

use crate::culprit::evidence::Sigchld;
use crate::events::{Process, Snapshot};
use crate::lifecycle::Record;
use crate::stuck::evidence::ignored::Fate;

/// What /proc says of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The process that has it and lives.
    pub process: Option<Process>,
    /// The process whose thread has the number, where it is not that of the process itself.
    pub thread_of: Option<(u32, String)>,
    /// Name of the kernel thread that has it.
    pub kernel_thread: Option<String>,
    /// Threads of the process, its first one included even where that has ended.
    pub threads: Option<u32>,
    /// Processes, by their PID on this host, that have the number in a PID namespace of theirs.
    pub namesakes: Vec<(u32, String)>,
    /// What the process does about SIGCHLD, as its main thread shows it.
    pub sigchld: Option<Sigchld>,
    /// A terminating signal that is pending, and why that is so.
    pub pending: Option<(u8, Fate)>,
    /// Whether all its threads are stopped, and that by a tracer.
    pub stopped: Option<Stop>,
    /// How far it is with its exit, of one that was told to end.
    pub exit: Option<Exit>,
    /// All numbers are below it.
    pub pid_max: Option<u32>,
}

/// What stopped a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal.
    Signal,
    /// A tracer.
    Tracer,
}

/// How far a process is with its exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// No thread has begun: SIGKILL has to wait until they leave the kernel.
    NotBegun,
    /// It writes its core dump first.
    DumpingCore,
    /// At least one thread has begun.
    Begun,
}

/// All that a story is told from.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The number that was asked for.
    pub pid: u32,
    /// Now.
    pub now_ns: u64,
    /// When the agent came.
    pub began_ns: u64,
    /// For how long finished deaths are remembered.
    pub remembered_ns: u64,
    /// The deaths of processes with this number, the one that started last first.
    pub records: Vec<&'a Record>,
    /// All processes, as of now.
    pub snapshot: Option<&'a Snapshot>,
    /// What /proc says.
    pub seen: &'a Seen,
}

impl Known<'_> {
    /// Threads that live beside a leader that does not.
    pub fn living_threads(&self) -> Option<u32> {
        let live = self.seen.threads?.checked_sub(1)?;
        (live > 0).then_some(live)
    }
}

/// What a time is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It is the moment or the duration itself.
    Exact,
    /// The true one is at least so late or long.
    AtLeast,
    /// The true one is at most so late or long.
    AtMost,
}

impl Bound {
    /// As JSON calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When; `None` where only the order is known.
    pub at_ns: Option<u64>,
    /// What the time is worth.
    pub bound: Bound,
    /// What, in plain words.
    pub what: String,
}

/// A part of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `signal`, `exit` or `zombie`.
    pub name: &'static str,
    /// How long.
    pub ns: u64,
    /// What that is worth.
    pub bound: Bound,
    /// What happens in it.
    pub what: &'static str,
}

/// The story of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The process; `None` where nothing is known of the number.
    pub process: Option<Process>,
    /// Its state now.
    pub state: State,
    /// How far it is with its exit, of one that is exiting, where that is known.
    pub exit: Option<Exit>,
    /// One sentence, without its full stop.
    pub summary: String,
    /// What that means, for those who never heard of it.
    pub meaning: Option<&'static str>,
    /// What happened, in its order.
    pub timeline: Vec<Moment>,
    /// Where the time of its end went.
    pub phases: Vec<Phase>,
    /// Its parent, that one's parent, and so on.
    pub ancestry: Vec<Process>,
    /// What to do or to look at next.
    pub advice: Vec<String>,
}
