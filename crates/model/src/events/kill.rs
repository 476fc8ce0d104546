//! The signal that ended a process, and where it came from.

pub use api::KillBy;

use super::Process;

/// The last fatal signal seen before a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Its source, if known.
    pub by: Option<KillBy>,
    /// The process that sent it, or that caused the kernel to send it.
    pub process: Option<Process>,
    /// The signal number.
    pub signal: u8,
    /// When it was sent.
    pub at_ns: u64,
}

impl Kill {
    /// The sender in words, as far as known.
    pub fn sender(&self) -> String {
        let words = match (&self.process, self.by) {
            (Some(process), _) => return format!("{} (PID {})", process.comm, process.key.tgid),
            (None, Some(KillBy::Kernel)) => "the kernel",
            (None, Some(KillBy::Oom)) => "the OOM killer",
            (None, Some(KillBy::Terminal)) => "its terminal",
            (None, Some(KillBy::Timer)) => "a timer",
            (None, Some(KillBy::Namespace)) => "the end of its PID namespace",
            (None, Some(KillBy::ParentDeath)) => "the end of the thread that forked it",
            (None, Some(KillBy::CpuLimit)) => "the kernel, at its CPU time limit (RLIMIT_CPU),",
            (None, Some(KillBy::Process) | None) => "a process that is not known",
        };
        words.to_owned()
    }
}
