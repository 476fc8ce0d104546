//! The answer of `explain`.

use serde::{Deserialize, Serialize};

use super::{
    Bound, Container, Culprit, FinishedExit, Habits, Head, Killer, OrOther, PhaseName, Process,
    ProcessState, Role, Seconds, Stuck, Time, Verdict,
};

/// A process and how it treats its dead children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Keeper {
    /// What it is to the requested process.
    pub role: OrOther<Role>,
    /// What it holds and does, and its verdict.
    #[serde(flatten)]
    pub culprit: Culprit,
    /// How it held and reaped children of late.
    #[serde(flatten)]
    pub habits: Habits,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Moment {
    /// When; null if only the order is known.
    pub at: Option<Time>,
    /// Precision of `at`: then, then or later (`at_least`), then or earlier (`at_most`).
    pub bound: OrOther<Bound>,
    /// What happened, in words.
    pub what: String,
}

/// A phase in the end of a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Phase {
    /// Which one.
    pub name: OrOther<PhaseName>,
    /// How long it took, or has taken so far.
    pub seconds: Seconds,
    /// Precision of `seconds`.
    pub bound: OrOther<Bound>,
    /// What happens in it.
    pub what: String,
}

/// An earlier process that had the same PID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Earlier {
    /// The process.
    pub process: Process,
    /// When it died; null if that was before the agent started.
    pub died_at: Option<Time>,
    /// When it was released.
    pub reaped_at: Option<Time>,
}

/// The pidfds of a process, by whether their processes have been reaped. The kernel does not tell
/// which processes these were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeadPidfds {
    /// Open pidfds of processes that have been reaped, or of threads that have ended.
    pub reaped: u64,
    /// All its open pidfds.
    pub open: u64,
    /// Whether it has so many descriptors that not all were looked at.
    pub is_lower_bound: bool,
}

/// The explanation of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The requested PID.
    pub pid: u32,
    /// The process; null if none is known.
    pub process: Option<Process>,
    /// Its state now.
    pub state: OrOther<ProcessState>,
    /// If it is exiting, whether the exit has begun, if only with a core dump; null if unknown.
    #[serde(default)]
    pub exit_has_begun: Option<bool>,
    /// Whether it is alive although its first thread has ended.
    pub leader_exited: bool,
    /// Number of living threads, if it is alive.
    pub threads: Option<u32>,
    /// One sentence.
    pub summary: String,
    /// What its state means, in words.
    pub meaning: Option<String>,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// Where the time of its end went.
    pub phases: Vec<Phase>,
    /// Its parent, its grandparent, and so on.
    pub ancestry: Vec<Process>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The parent or tracer that has to reap or release it, and its habits; null once it is gone.
    pub responsible: Option<Keeper>,
    /// How it treats its own children, if it is alive.
    pub habits: Option<Keeper>,
    /// Its pidfds, if it is alive; null if its descriptors could not be read.
    #[serde(default)]
    pub pidfds: Option<DeadPidfds>,
    /// Its death, as in `exits`; `how` is `unknown` until it is reaped.
    pub death: Option<FinishedExit>,
    /// Its workload.
    pub container: Option<Container>,
    /// If it is alive, the last terminating signal that it ignored or that was dropped.
    #[serde(default)]
    pub ignored: Option<Killer>,
    /// If it is exiting, or ignored a terminating signal whose sender waits for its end, the item
    /// of `stuck`: its step, what it waits for, its threads and their stacks.
    #[serde(default)]
    pub stuck: Option<Stuck>,
    /// For a zombie, why it has not been reaped; for a living process, why it does not reap; for an
    /// exiting one, why it does not finish; for one that should end, why it does not.
    pub verdict: Option<Verdict>,
    /// Earlier processes with the same PID, latest first.
    pub earlier: Vec<Earlier>,
    /// What to do or where to look next.
    pub advice: Vec<String>,
}

impl Explanation {
    /// Whether it may be among those that do not die.
    pub fn may_be_stuck(&self) -> bool {
        self.state == ProcessState::Exiting || self.ignored.is_some()
    }

    /// Takes what is known of it from those that do not die. Its own verdict comes first: a living
    /// process may hold zombies too.
    pub fn add_stuck(&mut self, all: Vec<Stuck>) {
        self.stuck = all.into_iter().find(|stuck| stuck.pid == self.pid);
        let why = self.stuck.as_ref().and_then(|stuck| stuck.verdict.clone());
        self.verdict = self.verdict.take().or(why);
    }
}

/// The answer of `explain`: the head of every document, and one explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explained {
    /// Host and time.
    #[serde(flatten)]
    pub head: Head,
    /// The explanation.
    #[serde(flatten)]
    pub story: Explanation,
}
