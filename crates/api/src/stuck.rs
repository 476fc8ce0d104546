//! Who does not die, in the answer of `stuck`.

use serde::{Deserialize, Serialize};

use super::{Container, Killer, Process, Verdict};

/// A process that was killed or began to exit, and does not get there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stuck {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<String>,
    /// Its name.
    pub comm: String,
    /// Letter of the state of the thread that keeps the others.
    pub state: Option<String>,
    /// When it was killed or began to exit; null when that was before the agent.
    pub since: Option<String>,
    /// How long it has not got there.
    pub stuck_seconds: f64,
    /// Whether it is at least so long.
    pub stuck_is_lower_bound: bool,
    /// Whether its exit has begun, if only with a core dump; null where that is not known. SIGKILL
    /// has to wait until a thread leaves the kernel.
    #[serde(default)]
    pub exit_has_begun: Option<bool>,
    /// Where the thread is that keeps the others: `dumping_core`, `closing_files` and so on.
    pub step: Option<String>,
    /// Why there is no step.
    #[serde(default)]
    pub no_step: Option<String>,
    /// The threads that have not ended.
    pub threads: Vec<StuckThread>,
    /// Who sent the last fatal signal.
    pub killer: Option<Killer>,
    /// Who sent the last terminating signal that it ignored, blocks, or cannot take while it is
    /// stopped: then it is not exiting.
    #[serde(default)]
    pub ignored: Option<Killer>,
    /// Whom or what it waits for, where that is known.
    pub waits_for: Option<WaitsFor>,
    /// Where it ran.
    pub container: Option<Container>,
    /// Why it does not get there, and what to do; null where no rule fits or nothing could be
    /// read.
    pub verdict: Option<Verdict>,
}

/// A thread of a process that does not die.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckThread {
    /// Its number.
    pub tid: u32,
    /// Letter of its state.
    pub state: String,
    /// Where on its way out it is.
    pub step: String,
    /// Kernel stack, innermost first; empty where it could not be read.
    pub stack: Vec<String>,
}

/// Whom or what a process that does not die waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitsFor {
    /// `fuse`, `network`, `core_helper`, `tracer`, `namespace` or `freezer`.
    pub kind: String,
    /// What: `connection 38 (sshfs on /mnt)`.
    pub what: String,
    /// Who: the servers, the helper, the tracer, those left in the namespace.
    pub processes: Vec<Process>,
}
