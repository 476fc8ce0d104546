//! The signal that ended a process, and where it came from.

use super::Process;

/// The source of a fatal signal, as in [`wire::kill_by`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillBy {
    /// A process: by a system call, or by exiting as a tracer that asked for that.
    Process,
    /// The kernel itself: for a fault, SIGPIPE, a sysrq key.
    Kernel,
    /// The OOM killer.
    Oom,
    /// A terminal and its job control.
    Terminal,
    /// A timer.
    Timer,
    /// Its PID namespace's init ended.
    Namespace,
    /// The thread that forked it ended (`PR_SET_PDEATHSIG`).
    ParentDeath,
    /// Its CPU time limit (`RLIMIT_CPU`).
    CpuLimit,
}

impl KillBy {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Process,
        Self::Kernel,
        Self::Oom,
        Self::Terminal,
        Self::Timer,
        Self::Namespace,
        Self::ParentDeath,
        Self::CpuLimit,
    ];

    /// Its name in `killer.by`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Kernel => "kernel",
            Self::Oom => "oom",
            Self::Terminal => "terminal",
            Self::Timer => "timer",
            Self::Namespace => "namespace",
            Self::ParentDeath => "parent_death",
            Self::CpuLimit => "cpu_limit",
        }
    }
}

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
