//! What a line of a recording says.

use crate::events::{Event, Process, Task};

/// The version of the lines.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first one.
    Head(Head),
    /// From some moment on the wall clock is so far from the kernel's.
    Wall(Join),
    /// An event went into the lifecycle.
    Event(Event),
    /// One process of the snapshot that follows.
    Task(Box<Task>),
    /// A snapshot went in, of the tasks before it.
    Snapshot {
        /// When the reading began.
        begun_ns: u64,
        /// When it ended.
        ended_ns: u64,
        /// Whether start times are exact.
        exact_start: bool,
    },
    /// What was closed too long before this moment was forgotten.
    Expire(u64),
    /// All that changed since the last such line was taken in by the rows of parents.
    Drained(u64),
    /// What the kernel side and the agent had counted.
    Counted(Counted),
    /// A round judged one who holds zombies, and said something else than the one before.
    Judged(Box<Judged>),
    /// The recording was ended at this moment, as it should be.
    End(u64),
}

/// Where and how a recording was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Name of the host.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// The weakest hook kind in use.
    pub source: String,
    /// Version of the agent that recorded.
    pub agent: String,
    /// When that agent came.
    pub began_ns: u64,
}

/// What a round of judging said of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// When.
    pub at_ns: u64,
    /// The process.
    pub process: Process,
    /// The verdict; none where no rule fitted.
    pub verdict: Option<Verdict>,
}

/// A verdict, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its stable name.
    pub id: String,
    /// How sure it was.
    pub confidence: String,
    /// One sentence.
    pub summary: String,
    /// Facts.
    pub evidence: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// A distance of wall time from kernel time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// From which moment of the kernel on.
    pub from_ns: u64,
    /// Realtime less boottime.
    pub offset_ns: i128,
}

/// Counts since the agent came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Processes that ended by themselves.
    pub exited: u64,
    /// Processes that a signal killed.
    pub killed: u64,
    /// The same with a core dump.
    pub dumped: u64,
    /// Deaths of which the record was lost.
    pub lost_deaths: u64,
    /// Records that found the ring full.
    pub ring_full: u64,
    /// Processes that the kernel side could not remember.
    pub tasks_full: u64,
    /// Records that made no sense.
    pub malformed: u64,
    /// Runs of probes that the kernel skipped.
    pub skipped_runs: u64,
}

impl Counted {
    /// Events lost, all reasons.
    pub fn lost_events(&self) -> u64 {
        let lost = [
            self.ring_full,
            self.tasks_full,
            self.malformed,
            self.skipped_runs,
        ];
        lost.into_iter().fold(0, u64::saturating_add)
    }

    /// Processes that died, however they did.
    pub fn exits(&self) -> u64 {
        let ended = [self.exited, self.killed, self.dumped];
        ended.into_iter().fold(0, u64::saturating_add)
    }
}
