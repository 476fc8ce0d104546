//! The content of a line of a recording.

use api::{HookKind, OrOther};

use crate::counts::{Exits, Lost};
use crate::events::{Event, Process, Task};
use crate::workload::Answer;

/// The version of the lines.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first one.
    Head(Head),
    /// The offset between wall clock and kernel clock, from some moment on.
    Wall(Join),
    /// An event went into the lifecycle.
    Event(Event),
    /// One process of the next snapshot.
    Task(Box<Task>),
    /// A snapshot of the tasks before it.
    Snapshot {
        /// When the reading began.
        begun_ns: u64,
        /// When it ended.
        ended_ns: u64,
        /// Whether start times are exact.
        exact_start: bool,
    },
    /// Entries closed too long before this moment were dropped.
    Expire(u64),
    /// All changes since the last such line were applied to the rows of parents.
    Drained(u64),
    /// Counters of the kernel side and the agent.
    Counted(Counted),
    /// A round judged a process that holds zombies, and its result has changed.
    Judged(Box<Judged>),
    /// A round looked at a process that does not die, and what it found has changed.
    Stuck(Box<FoundStuck>),
    /// The recording was ended at this moment, properly.
    End(u64),
    /// Where processes belong: what a lookup found.
    Found(Answer),
}

impl Line {
    /// When it was written or happened; `None` for those that belong to the next such line.
    pub fn at_ns(&self) -> Option<u64> {
        match self {
            Self::Event(event) => Some(event.at_ns()),
            Self::Snapshot { ended_ns, .. } => Some(*ended_ns),
            Self::Expire(at_ns) | Self::Drained(at_ns) | Self::End(at_ns) => Some(*at_ns),
            Self::Judged(judged) => Some(judged.at_ns),
            Self::Stuck(found) => Some(found.at_ns),
            Self::Head(_) | Self::Wall(_) | Self::Task(_) | Self::Counted(_) | Self::Found(_) => {
                None
            }
        }
    }
}

/// Where and how a recording was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Name of the host.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// The weakest hook kind in use.
    pub source: OrOther<HookKind>,
    /// Version of the agent that recorded.
    pub agent: String,
    /// When that agent started.
    pub began_ns: u64,
}

/// The result of a round for one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// When.
    pub at_ns: u64,
    /// The process.
    pub process: Process,
    /// The verdict; none where no rule fitted.
    pub verdict: Option<api::Verdict>,
}

/// What a round found in the files of a process that does not die, and its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundStuck {
    /// When.
    pub at_ns: u64,
    /// The process.
    pub process: Process,
    /// What was found.
    pub found: Why,
}

/// Where a process does not go on, and why. Each is as in [`api::Stuck`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// The state of the thread that holds up the others.
    pub state: Option<char>,
    /// Whether the exit has begun.
    pub exit_has_begun: Option<bool>,
    /// The step.
    pub step: Option<api::Id>,
    /// Why it is unknown.
    pub no_step: Option<String>,
    /// The threads that have not ended.
    pub threads: Vec<api::StuckThread>,
    /// What it waits for.
    pub waits_for: Option<api::WaitsFor>,
    /// The verdict.
    pub verdict: Option<api::Verdict>,
}

impl Why {
    /// What is shown of it.
    pub fn of(stuck: &api::Stuck) -> Self {
        Self {
            state: stuck.state,
            exit_has_begun: stuck.exit_has_begun,
            step: stuck.step.clone(),
            no_step: stuck.no_step.clone(),
            threads: stuck.threads.clone(),
            waits_for: stuck.waits_for.clone(),
            verdict: stuck.verdict.clone(),
        }
    }

    /// Shows it instead of what is unknown.
    pub fn explain(self, stuck: &mut api::Stuck) {
        stuck.state = self.state;
        stuck.exit_has_begun = self.exit_has_begun;
        stuck.step = self.step;
        stuck.no_step = self.no_step;
        stuck.threads = self.threads;
        stuck.waits_for = self.waits_for;
        stuck.verdict = self.verdict;
    }
}

/// An offset of wall time from kernel time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// The moment of the kernel from which it applies.
    pub from_ns: u64,
    /// Realtime minus boottime.
    pub offset_ns: i128,
}

/// Counts since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Processes that exited by themselves.
    pub exited: u64,
    /// Processes that a signal killed.
    pub killed: u64,
    /// The same with a core dump.
    pub dumped: u64,
    /// Deaths whose record was lost.
    pub lost_deaths: u64,
    /// Those of them that a signal killed.
    pub lost_killed: u64,
    /// The same with a core dump.
    pub lost_dumped: u64,
    /// Records that found the ring full.
    pub ring_full: u64,
    /// Processes that did not fit into the kernel side's table.
    pub tasks_full: u64,
    /// Malformed records.
    pub malformed: u64,
    /// Probe runs that the kernel skipped.
    pub skipped_runs: u64,
}

impl Counted {
    /// Events lost, for all reasons.
    pub fn lost_events(&self) -> u64 {
        let lost = self.lost().by_reason();
        let lost = lost.into_iter().map(|(_, events)| events);
        lost.fold(0, u64::saturating_add)
    }

    /// Events lost, by reason.
    pub fn lost(&self) -> Lost {
        Lost {
            ring_full: self.ring_full,
            tasks_full: self.tasks_full,
            malformed: self.malformed,
            skipped_runs: self.skipped_runs,
        }
    }

    /// Deaths whose record was lost, by how they ended.
    pub fn lost_exits(&self) -> Exits {
        let by_signal = self.lost_killed.saturating_add(self.lost_dumped);
        Exits {
            exited: self.lost_deaths.saturating_sub(by_signal),
            killed: self.lost_killed,
            dumped: self.lost_dumped,
        }
    }

    /// Processes that died, in any way.
    pub fn exits(&self) -> u64 {
        let ended = [self.exited, self.killed, self.dumped];
        ended.into_iter().fold(0, u64::saturating_add)
    }
}
