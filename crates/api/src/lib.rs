//! JSON for people and scripts, and the only types that derive `Serialize`. Durations are in
//! seconds, times are RFC 3339 UTC, unknown values are `null`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

mod agent;
mod container;
mod document;
mod explain;
mod field;
pub mod fleet;
mod held;
mod names;
mod pids;
mod query;
#[cfg(test)]
mod schema;
mod stuck;
mod time;
mod top;

pub use agent::*;
pub use container::*;
pub use document::*;
pub use explain::*;
pub use field::Field;
pub use held::*;
pub use names::*;
pub use pids::*;
pub use query::*;
pub use stuck::*;
pub use time::{Seconds, Time};
pub use top::*;

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

/// Time in each step of an exit, in seconds; null if not measured.
///
/// The slowest thread counts: a step lasts from the moment the last thread reaches it until the
/// last thread reaches the next one. So steps never overlap, and together they are the time from
/// the start of the core dump, or else from `began_at`, to `died_at`. For a process with one thread
/// they are that thread's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Steps {
    /// From the start of the dump until all threads are exiting, including the time in which the
    /// dump waits for other threads to stop.
    pub dumping_core: Option<Seconds>,
    /// From `began_at`, when the first thread began to exit, until the last one did; 0 after a
    /// dump, which waits for them.
    pub waiting_for_siblings: Option<Seconds>,
    /// Releasing its memory, including asynchronous I/O and locks in it.
    pub releasing_memory: Option<Seconds>,
    /// Closing its files, except for what the kernel defers.
    pub closing_files: Option<Seconds>,
    /// Deferred work, such as the final release of a file, until it left its cgroup.
    pub deferred_work: Option<Seconds>,
    /// Leaving its namespaces; for the init of a PID namespace also ending all other processes in
    /// it, and everything after that.
    pub namespaces: Option<Seconds>,
    /// The rest: a tracer's stop, cancelled `io_uring` requests, accounting, the terminal,
    /// notifying the parent. Null unless all others are known.
    pub other: Option<Seconds>,
}

impl Steps {
    /// Each step with its name.
    pub fn each(&self) -> [(PhaseName, Option<Seconds>); 7] {
        [
            (PhaseName::DumpingCore, self.dumping_core),
            (PhaseName::WaitingForSiblings, self.waiting_for_siblings),
            (PhaseName::ReleasingMemory, self.releasing_memory),
            (PhaseName::ClosingFiles, self.closing_files),
            (PhaseName::DeferredWork, self.deferred_work),
            (PhaseName::Namespaces, self.namespaces),
            (PhaseName::Other, self.other),
        ]
    }
}

/// The stable id of a verdict, or of a step of an exit. The ids are those of the model's lists, and of
/// other versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Id(pub Cow<'static, str>);

impl From<&'static str> for Id {
    fn from(id: &'static str) -> Self {
        Self(id.into())
    }
}

impl PartialEq<&str> for Id {
    fn eq(&self, id: &&str) -> bool {
        self.0 == *id
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a process does not reap or does not die, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Which rule it is of.
    pub id: Id,
    /// One sentence.
    pub summary: String,
    /// The evidence, one fact per line.
    pub evidence: Vec<String>,
    /// What to do, in one sentence.
    pub remedy: String,
    /// How sure it is.
    pub confidence: OrOther<Confidence>,
}

/// A finished death: one line of `exits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FinishedExit {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
    /// How it ended; null if that could not be read.
    pub exit: Option<Exit>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The parent that had to reap it at the end.
    pub parent: Option<Process>,
    /// The ptracer that held it.
    pub tracer: Option<Process>,
    /// Earlier parents and tracers that had to reap it and did not, in order.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Its reaper.
    pub reaper: Option<Reaper>,
    /// How it was released.
    pub how: OrOther<How>,
    /// Its killer.
    pub killer: Option<Killer>,
    /// When it began to exit.
    pub began_at: Option<Time>,
    /// When it became a zombie that can be reaped, or was auto-reaped.
    pub died_at: Option<Time>,
    /// Whether `died_at` is a lower bound, usually a close one, because no hook saw the death
    /// itself.
    #[serde(default)]
    pub died_at_is_lower_bound: bool,
    /// When it was released.
    pub reaped_at: Option<Time>,
    /// Whether `reaped_at` is an upper bound: it is known only that it was gone by then.
    #[serde(default)]
    pub reaped_at_is_upper_bound: bool,
    /// From `began_at` to `died_at`.
    pub exit_seconds: Option<Seconds>,
    /// From `died_at` to `reaped_at`.
    pub zombie_seconds: Option<Seconds>,
    /// Whether `zombie_seconds` is an upper bound.
    pub zombie_seconds_is_upper_bound: bool,
    /// From the fatal signal to `died_at`.
    pub kill_seconds: Option<Seconds>,
    /// Its workload.
    pub container: Option<Container>,
    /// The workload of its parent.
    #[serde(default)]
    pub parent_container: Option<Container>,
    /// Real uid.
    pub uid: u32,
    /// Resources it used; null if its death itself was not seen.
    pub resources: Option<Resources>,
    /// Time in each step of its exit; null unless the agent runs with `--steps`.
    #[serde(default)]
    pub steps: Option<Steps>,
}

/// A process that is dead and has not been reaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Zombie {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
    /// How it ended; null if that could not be read.
    pub exit: Option<Exit>,
    /// When it died; null if that was before the agent started.
    pub died_at: Option<Time>,
    /// How long it has been a zombie.
    pub zombie_seconds: Seconds,
    /// Whether that time is a lower bound. For a zombie older than the agent it comes from
    /// scheduler statistics and is usually too short by milliseconds.
    pub age_is_lower_bound: bool,
    /// Real uid.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The parent that has to reap it.
    pub parent: Option<Process>,
    /// The ptracer that holds it.
    pub tracer: Option<Process>,
    /// Earlier parents and tracers that had to reap it and did not, in order.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Its workload.
    pub container: Option<Container>,
    /// The workload of its parent.
    #[serde(default)]
    pub parent_container: Option<Container>,
    /// Why it has not been reaped.
    pub verdict: Option<Verdict>,
}

/// A process that does not reap: it holds zombies older than the minimum age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Culprit {
    /// The process.
    pub process: Process,
    /// Its workload.
    pub container: Option<Container>,
    /// Zombies that it has to reap.
    pub zombies: u64,
    /// Age of the oldest one.
    pub oldest_seconds: Option<Seconds>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children that died and were not reaped, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children it reaped since the agent started.
    pub reaped_total: u64,
    /// Its wait4 and waitid calls since the agent started; null if they are not counted.
    pub waits_total: Option<u64>,
    /// When the last of them began.
    pub last_wait_at: Option<Time>,
    /// Why it does not reap; null if unknown.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default)]
    pub no_verdict: Option<String>,
}

/// One probe, as `doctor` reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Probe {
    /// The transition: `exit`, `zombie`, `wait`, `reap`, `free`, `kill`, `oom`, `fork`, `snapshot`
    /// and others; with `--steps` also `steps`.
    pub probe: String,
    /// The hook in use, such as `fentry:release_task`; null if none attached.
    pub hook: Option<String>,
    /// Whether the agent cannot run without it.
    pub required: bool,
    /// What is lost without it, or with a weaker hook than the first; null if nothing.
    pub lost: Option<String>,
    /// Each better hook that was tried, with the kernel's reason for refusing it.
    pub refused: Vec<String>,
}

/// One fact about the host that `doctor` checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fact {
    /// What was checked.
    pub name: String,
    /// Whether it is as the agent needs it.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, unless it is ok.
    pub fix: Option<String>,
    /// The same as `fix`, under its old name for one release.
    pub mend: Option<String>,
}

/// What this kernel and these privileges allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Doctor {
    /// Version of the format; it increases only if a field changes its meaning.
    pub version: u32,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The weakest hook kind in use; null if the agent cannot run.
    pub source: Option<OrOther<HookKind>>,
    /// Whether the agent can run.
    pub runs: bool,
    /// What was checked.
    pub facts: Vec<Fact>,
    /// Each transition and its hook.
    pub probes: Vec<Probe>,
    /// The agent itself; null if none is running.
    #[serde(default)]
    pub agent: Option<AgentUse>,
}

/// One line of the stream of `exits`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ExitLine {
    /// A finished death.
    Exit(Box<FinishedExit>),
    /// This many deaths are missing here, because the reader was too slow.
    Lost {
        /// How many.
        lost: u64,
    },
}
