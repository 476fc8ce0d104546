//! What is true of one death, as JSON.

use serde::{Deserialize, Serialize};

/// A moment known to lie between two stamps of `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Not before this.
    pub not_before_ns: u64,
    /// Not after this.
    pub not_after_ns: u64,
}

/// How a dead process was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Its parent or an adopter waited for it.
    Wait,
    /// The kernel, as its parent asked for.
    Autoreap,
    /// Its tracer waited for it and the parent ignores SIGCHLD.
    Tracer,
    /// The dying init of its PID namespace released it.
    Namespace,
    /// Not while the scenario lasts.
    Never,
}

/// A process that had to reap a zombie and did not, until another one became responsible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who.
    pub pid: u32,
    /// Whether it held it as its ptracer.
    pub as_tracer: bool,
    /// If that ended.
    pub until: Interval,
}

/// The thread that released a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaper {
    /// Its process.
    pub pid: u32,
    /// The thread; `None` where the scenario cannot know which thread of another program it was.
    pub tid: Option<u32>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Exit {
    /// By exit.
    Exited {
        /// Its code.
        code: u8,
    },
    /// By a signal.
    Killed {
        /// Its number.
        signal: u8,
    },
    /// By a signal, with a core dump.
    Dumped {
        /// Its number.
        signal: u8,
    },
}

/// The source of a fatal signal, with the names that the agent uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SentBy {
    /// A process.
    Process,
    /// The kernel itself.
    Kernel,
    /// The OOM killer.
    Oom,
    /// A terminal.
    Terminal,
    /// A timer.
    Timer,
    /// The end of its PID namespace's init.
    Namespace,
    /// The end of the thread that started it (`PR_SET_PDEATHSIG`).
    #[serde(rename = "parent_death")]
    ParentDeath,
}

/// The sender of the fatal signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killer {
    /// The process that sent it, if one did.
    pub pid: Option<u32>,
    /// Where it came from.
    pub by: SentBy,
    /// The signal's number.
    pub signal: u8,
    /// If it was sent.
    pub at: Interval,
}

/// What the process used, as `wait4` reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Time on a CPU before its exit began, in microseconds, by its own account.
    pub before_exit_us: u64,
    /// Time on a CPU in user mode, in microseconds.
    pub user_us: u64,
    /// Time on a CPU in the kernel, in microseconds.
    pub system_us: u64,
    /// Largest resident set.
    pub max_rss_bytes: u64,
    /// Threads alive when the exit began.
    pub threads: u32,
}

/// One death, as recorded by the processes that took part. PIDs are those of the PID namespace of
/// `/proc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The scenario.
    pub name: String,
    /// Who died.
    pub pid: u32,
    /// If it was created.
    pub start: Interval,
    /// Its name at its death.
    pub comm: String,
    /// The process that had to reap it at the end.
    pub parent: u32,
    /// The process that created it.
    pub forker: u32,
    /// The ptracer that held it at its death.
    pub tracer: Option<u32>,
    /// The processes that had to reap it before, in order.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// How it was released.
    pub how: How,
    /// The process that released it, if one did.
    pub reaper: Option<Reaper>,
    /// How it ended.
    pub exit: Exit,
    /// The killer, if it died of a signal from outside.
    pub killer: Option<Killer>,
    /// The start of its exit.
    pub begun_at: Interval,
    /// If it became a reapable zombie or was auto-reaped.
    pub died_at: Interval,
    /// If it was released.
    pub reaped_at: Option<Interval>,
    /// What it used, where the scenario measures that.
    pub resources: Option<Resources>,
}

impl Truth {
    /// The same with a killer of this kind, which need not be a process.
    #[must_use]
    pub fn sent_by(mut self, by: SentBy) -> Self {
        if let Some(killer) = &mut self.killer {
            killer.by = by;
            if !matches!(
                by,
                SentBy::Process | SentBy::Namespace | SentBy::ParentDeath
            ) {
                killer.pid = None;
            }
        }
        self
    }
}

/// A scenario that cannot run on this machine's kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// The scenario.
    pub name: String,
    /// What is missing, and the kernel's error.
    pub lacks: String,
}

/// Many deaths of one kind, too many to print each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// The scenario.
    pub name: String,
    /// Name of each of the dead.
    pub comm: String,
    /// How many died, all of them reaped.
    pub count: u32,
    /// The process that forked and reaped them.
    pub parent: u32,
    /// PID of the first.
    pub first_pid: u32,
    /// PID of the last.
    pub last_pid: u32,
    /// From before the first fork to after the last reap.
    pub during: Interval,
}
