//! The story of one process, alive or dead, from what is known at one moment.

mod leader_exited;
mod lives;
mod story;
mod timeline;
mod unknown;
mod words;

#[cfg(test)]
mod tests;

pub use leader_exited::verdict as leader_exited;
pub use lives::{Life, State, lives};
pub use story::story;
pub use timeline::what;

use api::{Bound, DeadPidfds, PhaseName};

use crate::culprit::evidence::Sigchld;
use crate::events::{Process, Snapshot};
use crate::lifecycle::Record;
use crate::stuck::evidence::ignored::Fate;

/// What /proc shows of a PID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Nothing was looked at, since this is about a recording.
    pub is_recorded: bool,
    /// The living process that has it.
    pub process: Option<Process>,
    /// The process to which it belongs, if it is the TID of another thread than the first.
    pub thread_of: Option<(u32, String)>,
    /// Name of the kernel thread that has it.
    pub kernel_thread: Option<String>,
    /// Threads of the process, including its first one even if that has exited.
    pub threads: Option<u32>,
    /// Processes, by PID on this host, that have it as PID in a PID namespace.
    pub namesakes: Vec<(u32, String)>,
    /// How the main thread handles SIGCHLD.
    pub sigchld: Option<Sigchld>,
    /// A pending terminating signal, and why it is pending.
    pub pending: Option<(u8, Fate)>,
    /// Whether all its threads are stopped, and whether by a tracer.
    pub stopped: Option<Stop>,
    /// How far its exit is.
    pub exit: Option<Exit>,
    /// Its pidfds.
    pub pidfds: Option<DeadPidfds>,
    /// All PIDs are below it.
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

/// How far the exit of a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// No thread has begun: SIGKILL has to wait until they leave the kernel.
    NotBegun,
    /// It is writing its core dump.
    DumpingCore,
    /// At least one thread has begun.
    Begun,
}

/// The input of a story.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The requested PID.
    pub pid: u32,
    /// Now.
    pub now_ns: u64,
    /// When the agent started.
    pub began_ns: u64,
    /// How long finished deaths are remembered.
    pub remembered_ns: u64,
    /// The deaths of processes with this PID, latest start first.
    pub records: Vec<&'a Record>,
    /// A current snapshot of all processes.
    pub snapshot: Option<&'a Snapshot>,
    /// What /proc shows.
    pub seen: &'a Seen,
}

impl Known<'_> {
    /// The number of other threads of a process whose leader has exited.
    pub fn living_threads(&self) -> Option<u32> {
        let live = self.seen.threads?.checked_sub(1)?;
        (live > 0).then_some(live)
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When; `None` if only the order is known.
    pub at_ns: Option<u64>,
    /// Whether that is exact.
    pub bound: Bound,
    /// What happened, in words.
    pub what: String,
}

/// A phase of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Which one.
    pub name: PhaseName,
    /// Its duration.
    pub ns: u64,
    /// Whether that is exact.
    pub bound: Bound,
}

/// The explanation of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The process; `None` if no process with this PID is known.
    pub process: Option<Process>,
    /// Its state now.
    pub state: State,
    /// How far its exit is, if it is exiting and that is known.
    pub exit: Option<Exit>,
    /// One sentence, without its full stop.
    pub summary: String,
    /// What that state means.
    pub meaning: Option<&'static str>,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// How long each part of its exit took.
    pub phases: Vec<Phase>,
    /// Its parent, the parent of that, and so on.
    pub ancestry: Vec<Process>,
    /// What to do or where to look next.
    pub advice: Vec<String>,
}
