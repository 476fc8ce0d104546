//! Processes that do not die, in the answer of `stuck`.

use serde::{Deserialize, Serialize};

use super::{Awaited, Container, Id, Killer, OrOther, Process, Seconds, Time, Verdict};

/// A process that was killed or began to exit but has not finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stuck {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
    /// State letter of the thread that holds up the others.
    pub state: Option<char>,
    /// When it was killed or began to exit; null if that was before the agent started.
    pub since: Option<Time>,
    /// How long it has been stuck.
    pub stuck_seconds: Seconds,
    /// Whether that time is a lower bound.
    pub stuck_is_lower_bound: bool,
    /// Whether its exit has begun, if only with a core dump; null if unknown. SIGKILL has to wait
    /// until a thread leaves the kernel.
    #[serde(default)]
    pub exit_has_begun: Option<bool>,
    /// The step of the thread that holds up the others.
    pub step: Option<Id>,
    /// Why the step is unknown.
    #[serde(default)]
    pub no_step: Option<String>,
    /// The threads that have not ended.
    pub threads: Vec<StuckThread>,
    /// The sender of the last fatal signal.
    pub killer: Option<Killer>,
    /// The sender of the last terminating signal that it ignored, blocks, or cannot take while it
    /// is stopped; then it is not exiting.
    #[serde(default)]
    pub ignored: Option<Killer>,
    /// What it waits for, if known.
    pub waits_for: Option<WaitsFor>,
    /// Its workload.
    pub container: Option<Container>,
    /// Why it does not finish, and what to do; null if no rule applies or nothing could be read.
    pub verdict: Option<Verdict>,
}

/// A thread of a process that does not die.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StuckThread {
    /// Its TID.
    pub tid: u32,
    /// Its state letter.
    pub state: char,
    /// Its step.
    pub step: Id,
    /// Kernel stack, innermost frame first; empty if it could not be read.
    pub stack: Vec<String>,
}

/// What a process that does not die waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WaitsFor {
    /// What kind of thing.
    pub kind: OrOther<Awaited>,
    /// The object: `connection 38 (sshfs on /mnt)`.
    pub what: String,
    /// The processes: the servers, the helper, the tracer, those left in the namespace.
    pub processes: Vec<Process>,
}
