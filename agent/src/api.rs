//! What people and scripts get: their JSON, and the only types that derive
//! `Serialize`. Durations are seconds, times are RFC 3339 UTC, absent knowledge is `null`.

use serde::{Deserialize, Serialize};

// The paths are written out for the live tests, which read this file as a module of their own.
#[path = "api/document.rs"]
mod document;
#[path = "api/explain.rs"]
mod explain;
#[path = "api/fleet.rs"]
pub mod fleet;
#[path = "api/held.rs"]
mod held;
#[path = "api/pids.rs"]
mod pids;
#[path = "api/stuck.rs"]
mod stuck;

pub use document::*;
pub use explain::*;
pub use held::*;
pub use pids::*;
pub use stuck::*;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<String>,
    /// Its name.
    pub comm: String,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// `exited`, `killed` or `dumped`.
    pub kind: String,
    /// Exit code, of one that exited.
    pub code: Option<u8>,
    /// Name of the signal, of one that was killed.
    pub signal: Option<String>,
}

/// Who killed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killer {
    /// The process that sent the fatal signal, or whose act made the kernel send it.
    pub process: Option<Process>,
    /// `process`, `kernel` (for a fault, SIGPIPE, a key of sysrq), `oom`, `terminal`, `timer`,
    /// `namespace` (the end of its PID namespace's init), `parent_death` (the end of the thread
    /// that forked it; `PR_SET_PDEATHSIG`) or `cpu_limit` (`RLIMIT_CPU`); null where that cannot
    /// be told.
    #[serde(default)]
    pub by: Option<String>,
    /// The signal's name.
    pub signal: String,
    /// When it was sent.
    pub at: String,
}

/// What a process used in its life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// From start to death.
    pub lifetime_seconds: f64,
    /// On a CPU in user mode.
    pub user_seconds: f64,
    /// On a CPU in the kernel.
    pub system_seconds: f64,
    /// Threads when it began to exit.
    pub threads: Option<u32>,
    /// Largest resident set.
    pub max_rss_bytes: u64,
}

/// Where the time of an exit went, in seconds; null is what was not measured.
///
/// A process is as far as its hindmost thread: a step lasts from the moment at which the last of
/// the threads came to it until the last came to the next one. So steps never overlap, and
/// together they are the time from the start of the core dump, or else from `began_at`, to
/// `died_at`. Of a process with one thread they are that thread's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// From the start of the dump until all threads were on their way out; with the time in which
    /// the dump waits for the other threads to stop.
    pub dumping_core: Option<f64>,
    /// From `began_at`, when the first thread was on its way out, until the last was; 0 after a
    /// dump, which waited for them.
    pub waiting_for_siblings: Option<f64>,
    /// The release of its memory, asynchronous I/O and locks in it included.
    pub releasing_memory: Option<f64>,
    /// The closing of its files, as far as the kernel does not put it off.
    pub closing_files: Option<f64>,
    /// Work that was put off, such as the last release of a file, until it left its cgroup.
    pub deferred_work: Option<f64>,
    /// The leaving of its namespaces; of the init of a PID namespace also the end of all others
    /// in it, and all after that.
    pub namespaces: Option<f64>,
    /// What is left: a tracer's stop, cancelled `io_uring` requests, accounting, the terminal,
    /// the telling of the parent. Null unless all others are known.
    pub other: Option<f64>,
}

impl Steps {
    /// Each by its name.
    pub fn each(&self) -> [(&'static str, Option<f64>); 7] {
        [
            ("dumping_core", self.dumping_core),
            ("waiting_for_siblings", self.waiting_for_siblings),
            ("releasing_memory", self.releasing_memory),
            ("closing_files", self.closing_files),
            ("deferred_work", self.deferred_work),
            ("namespaces", self.namespaces),
            ("other", self.other),
        ]
    }
}

/// Where a process ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Container id.
    pub id: Option<String>,
    /// Container name.
    pub name: Option<String>,
    /// What made the container, such as `containerd` or `docker`.
    #[serde(default)]
    pub runtime: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
    /// Pod uid.
    #[serde(default)]
    pub pod_uid: Option<String>,
    /// Class of the pod: `guaranteed`, `burstable` or `besteffort`.
    #[serde(default)]
    pub qos: Option<String>,
    /// Pod namespace.
    pub namespace: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Unit of a user's systemd, within `unit`.
    #[serde(default)]
    pub user_unit: Option<String>,
    /// Uid of the user whose slice it is.
    #[serde(default)]
    pub user: Option<u32>,
    /// Path of its cgroup, in the unified hierarchy where that says as much as another; null
    /// where only the id is known.
    pub cgroup: Option<String>,
    /// Id of its cgroup, in the hierarchy of that path.
    #[serde(default)]
    pub cgroup_id: Option<u64>,
    /// Whether this is where its parent is: neither the kernel side nor the process itself told any
    /// more where it was, as may be with cgroups of version 1.
    #[serde(default)]
    pub of_parent: bool,
}

/// Why somebody does not reap, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// One of the ids of the contract.
    pub id: String,
    /// One sentence.
    pub summary: String,
    /// Facts.
    pub evidence: Vec<String>,
    /// One sentence.
    pub remedy: String,
    /// `certain`, `likely` or `guess`.
    pub confidence: String,
}

/// A finished death: one line of `exits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishedExit {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<String>,
    /// Its name.
    pub comm: String,
    /// How it ended; null where that could not be read.
    pub exit: Option<Exit>,
    /// Who created it.
    pub forker: Option<Process>,
    /// Who had to reap it at the end.
    pub parent: Option<Process>,
    /// The ptracer that held it.
    pub tracer: Option<Process>,
    /// Who had to reap it before, one after the other, and did not.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Who released it.
    pub reaper: Option<Reaper>,
    /// `wait`, `autoreap`, `tracer`, `exec`, `namespace` or `unknown`.
    pub how: String,
    /// Who killed it.
    pub killer: Option<Killer>,
    /// First moment it was on its way out.
    pub began_at: Option<String>,
    /// When it became a reapable zombie or was auto-reaped.
    pub died_at: Option<String>,
    /// Whether it died at `died_at` or after it, as a rule at once: nothing told of the death
    /// itself.
    #[serde(default)]
    pub died_at_is_lower_bound: bool,
    /// When it was released.
    pub reaped_at: Option<String>,
    /// Whether it may have been released before `reaped_at`: only that it was gone by then was seen.
    #[serde(default)]
    pub reaped_at_is_upper_bound: bool,
    /// From `began_at` to `died_at`.
    pub exit_seconds: Option<f64>,
    /// From `died_at` to `reaped_at`.
    pub zombie_seconds: Option<f64>,
    /// Whether `zombie_seconds` is an upper bound.
    pub zombie_seconds_is_upper_bound: bool,
    /// From the fatal signal to `died_at`.
    pub kill_seconds: Option<f64>,
    /// Where it ran.
    pub container: Option<Container>,
    /// Where its parent runs.
    #[serde(default)]
    pub parent_container: Option<Container>,
    /// Real uid.
    pub uid: u32,
    /// What it used; null where its death itself was not seen.
    pub resources: Option<Resources>,
    /// Where the time of its exit went; null unless the agent runs with `--steps`.
    #[serde(default)]
    pub steps: Option<Steps>,
}

/// A process that is dead and unreaped now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "`zombie_seconds` means the same everywhere"
)]
pub struct Zombie {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<String>,
    /// Its name.
    pub comm: String,
    /// How it ended; null where that could not be read.
    pub exit: Option<Exit>,
    /// When it died; null when that was before the agent.
    pub died_at: Option<String>,
    /// How long it has lain dead.
    pub zombie_seconds: f64,
    /// Whether it has lain at least so long: of a zombie older than the agent the scheduler's
    /// books tell how long at least, as a rule to some milliseconds.
    pub age_is_lower_bound: bool,
    /// Who created it.
    pub forker: Option<Process>,
    /// Who must reap it.
    pub parent: Option<Process>,
    /// The ptracer that holds it.
    pub tracer: Option<Process>,
    /// Who had to reap it before, one after the other, and did not.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Where it ran.
    pub container: Option<Container>,
    /// Where its parent runs.
    #[serde(default)]
    pub parent_container: Option<Container>,
    /// Why it lies there.
    pub verdict: Option<Verdict>,
}

/// A process that does not reap: it holds zombies that are no longer young.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Culprit {
    /// The process.
    pub process: Process,
    /// Where it runs.
    pub container: Option<Container>,
    /// Zombies it must reap now.
    pub zombies: u64,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children that died and stayed, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children it reaped since the agent came.
    pub reaped_total: u64,
    /// Its calls of wait4 and waitid since the agent came; null where they are not counted.
    pub waits_total: Option<u64>,
    /// When the last of them began.
    pub last_wait_at: Option<String>,
    /// Why it does not reap; null where that is not known.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default)]
    pub no_verdict: Option<String>,
}

/// A process that holds zombies or reaps: one row of `top`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The process.
    pub process: Process,
    /// Where it runs.
    #[serde(default)]
    pub container: Option<Container>,
    /// Zombies it must reap now.
    pub zombies: u64,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children that died and stayed, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children it reaped, per second, over the last minute.
    pub reaped_per_second: f64,
    /// Children it reaped since the agent came.
    pub reaped_total: u64,
    /// Median zombie time of the children it reaped lately.
    pub p50_seconds: Option<f64>,
    /// 99th percentile of the same.
    pub p99_seconds: Option<f64>,
    /// Why it does not reap, of one with old zombies, as of some seconds ago at most.
    pub verdict: Option<Verdict>,
}

/// The numbers in the head of `top`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Zombies now.
    pub zombies: u64,
    /// Exits since the agent came.
    pub exits_total: u64,
    /// Reaps since the agent came.
    pub reaped_total: u64,
    /// Processes that were killed or began to exit and do not get there, as of some seconds ago.
    #[serde(default)]
    pub stuck: u64,
    /// Seconds since the agent came.
    pub uptime_seconds: f64,
    /// Version of the agent.
    pub agent_version: String,
}

/// One answer of `/api/v1/top`: all that a frame of the live view needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Top {
    /// The numbers in the head.
    pub summary: Summary,
    /// Parents with zombies or with reaps in the last minute, worst first.
    pub parents: Vec<Parent>,
    /// All zombies, oldest first.
    pub zombies: Vec<Zombie>,
    /// How full the PID tables are: the node's first, then the fullest of cgroups.
    #[serde(default)]
    pub pids: Vec<Pids>,
}

/// One probe, as `doctor` reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the label of the metric has this name too"
)]
pub struct Probe {
    /// The transition: `exit`, `zombie`, `wait`, `reap`, `free`, `kill`, `oom`, `fork`, `snapshot`,
    /// and with `--steps` also `steps`.
    pub probe: String,
    /// The hook in use, such as `fentry:release_task`; null when none attaches.
    pub hook: Option<String>,
    /// Whether the main job needs it.
    pub required: bool,
    /// What is lost without it, or with a lesser hook than the first; null when nothing is.
    pub lost: Option<String>,
    /// Each better hook that was tried, and why the kernel refused it.
    pub refused: Vec<String>,
}

/// One fact about the host that `doctor` looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What was looked at.
    pub name: String,
    /// Whether it is as the agent wants it.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, where it is not ok.
    pub fix: Option<String>,
    /// The same under its former name, for one release.
    pub mend: Option<String>,
}

/// What this kernel and these privileges allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the host.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// The weakest hook kind in use; null when the main job cannot run.
    pub source: Option<String>,
    /// Whether the main job can run.
    pub runs: bool,
    /// What was looked at.
    pub facts: Vec<Fact>,
    /// Each transition and its hook.
    pub probes: Vec<Probe>,
}

/// One line of the stream of `exits`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExitLine {
    /// A finished death.
    Exit(Box<FinishedExit>),
    /// This many deaths are missing here: the reader was too slow.
    Lost {
        /// How many.
        lost: u64,
    },
}
