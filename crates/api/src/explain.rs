//! The answer of `explain`.

use serde::{Deserialize, Serialize};

use super::{Container, Culprit, FinishedExit, Head, Killer, Process, Stuck, Verdict};

/// A process and how it treats its dead children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keeper {
    /// `parent` or `tracer`: why it must act; `itself` of the process that was asked for.
    pub role: String,
    /// What it holds and does, and the verdict on it.
    #[serde(flatten)]
    pub habits: Culprit,
    /// Median zombie time of the children it reaped lately.
    pub p50_seconds: Option<f64>,
    /// 99th percentile of the same.
    pub p99_seconds: Option<f64>,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When; null where only the order is known.
    pub at: Option<String>,
    /// What `at` is worth: `exact`, `at_least` (then or later) or `at_most` (then or earlier).
    pub bound: String,
    /// What happened, in plain words.
    pub what: String,
}

/// A part of the end of a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// `signal`, `exit` or `zombie`.
    pub name: String,
    /// How long it took, or takes up to now.
    pub seconds: f64,
    /// What that is worth: `exact`, `at_least` or `at_most`.
    pub bound: String,
    /// What happens in it.
    pub what: String,
}

/// An earlier process that had the same PID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// The process.
    pub process: Process,
    /// When it died; null where that was before the agent.
    pub died_at: Option<String>,
    /// When it was released.
    pub reaped_at: Option<String>,
}

/// The story of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The number that was asked for.
    pub pid: u32,
    /// The process; null where none is known.
    pub process: Option<Process>,
    /// `alive`, `exiting`, `zombie`, `reaped` or `unknown`.
    pub state: String,
    /// Whether the exit of one that is exiting has begun, if only with a core dump; null where that
    /// is not known.
    #[serde(default)]
    pub exit_has_begun: Option<bool>,
    /// Whether it lives although its first thread has ended.
    pub leader_exited: bool,
    /// Threads of one that lives, those that ended aside.
    pub threads: Option<u32>,
    /// One sentence.
    pub summary: String,
    /// What its state means, in plain words.
    pub meaning: Option<String>,
    /// What happened, in its order.
    pub timeline: Vec<Moment>,
    /// Where the time of its end went.
    pub phases: Vec<Phase>,
    /// Its parent, that one's parent, and so on.
    pub ancestry: Vec<Process>,
    /// Who created it.
    pub forker: Option<Process>,
    /// Who must reap it, or has to let it go, and how that one behaves; null once it is gone.
    pub responsible: Option<Keeper>,
    /// How it treats its own children, while it lives.
    pub habits: Option<Keeper>,
    /// Its death, as `exits` tells it; `how` is `unknown` until it is reaped.
    pub death: Option<FinishedExit>,
    /// Where it runs, or ran.
    pub container: Option<Container>,
    /// Of one that lives, the last terminating signal that it ignored or that was dropped.
    #[serde(default)]
    pub ignored: Option<Killer>,
    /// Of one on its way out, what `stuck` says of it: its step, whom it waits for, its threads
    /// and their stacks. Of one that ignored a terminating signal while somebody waits for its
    /// end, the same.
    #[serde(default)]
    pub stuck: Option<Stuck>,
    /// Of a zombie why it lies there; of a living one why it does not reap; of one on its way out
    /// why it does not get there, and of one that should be why it does not end.
    pub verdict: Option<Verdict>,
    /// Earlier processes with the same PID, the latest first.
    pub earlier: Vec<Earlier>,
    /// What to do or to look at next.
    pub advice: Vec<String>,
}

/// The answer of `explain`: the head of every document, and one story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Of which host, and when.
    #[serde(flatten)]
    pub head: Head,
    /// The story.
    #[serde(flatten)]
    pub story: Explanation,
}
