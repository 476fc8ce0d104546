//! What answers say of a process, however it is listed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ExitKind, KillBy, OrOther, Seconds, Time};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Process {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exit {
    /// In which way.
    pub kind: OrOther<ExitKind>,
    /// Exit code, if it exited.
    pub code: Option<u8>,
    /// Name of the signal, if it was killed.
    pub signal: Option<String>,
}

impl fmt::Display for Exit {
    /// `exit 0`, `SIGKILL`, `SIGSEGV core`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = self.signal.as_deref().unwrap_or("signal ?");
        match (self.kind.known(), self.code) {
            (Some(ExitKind::Exited), Some(code)) => write!(f, "exit {code}"),
            (Some(ExitKind::Killed), _) => f.write_str(signal),
            (Some(ExitKind::Dumped), _) => write!(f, "{signal} core"),
            _ => f.write_str(self.kind.as_str()),
        }
    }
}

/// The killer of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Killer {
    /// The process that sent the fatal signal, or that caused the kernel to send it.
    pub process: Option<Process>,
    /// The source of the signal; null if unknown.
    #[serde(default)]
    pub by: Option<OrOther<KillBy>>,
    /// The signal's name.
    pub signal: String,
    /// The time it was sent.
    pub at: Time,
}

/// Resources used by a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Resources {
    /// From start to death.
    pub lifetime_seconds: Seconds,
    /// CPU time in user mode.
    pub user_seconds: Seconds,
    /// CPU time in the kernel.
    pub system_seconds: Seconds,
    /// Number of threads when it began to exit.
    pub threads: Option<u32>,
    /// Peak resident set size.
    pub max_rss_bytes: u64,
}
