//! What the loop provides for a scrape: plain numbers, no logic.

use std::{collections::BTreeMap, fmt};

use super::groups::Labels;
use crate::events::ExitStatus;
use crate::workload::{Failed, pods::Watched};

/// Exits since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Exited by themselves.
    pub exited: u64,
    /// Killed by a signal.
    pub killed: u64,
    /// Killed by a signal, with a core dump.
    pub dumped: u64,
}

/// Events lost since the agent started, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring buffer was full.
    pub ring_full: u64,
    /// The kernel side's table of living processes was full.
    pub tasks_full: u64,
    /// User space could not decode the record.
    pub malformed: u64,
    /// The kernel skipped a program because one was already running on that CPU.
    pub skipped_runs: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// By itself.
    Exited,
    /// By a signal.
    Killed,
    /// By a signal, with a core dump.
    Dumped,
}

impl From<ExitStatus> for ExitKind {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Exited(_) => Self::Exited,
            ExitStatus::Killed(_) => Self::Killed,
            ExitStatus::Dumped(_) => Self::Dumped,
        }
    }
}

/// Current numbers of one workload.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Present {
    /// Zombies.
    pub zombies: u64,
    /// Zombies older than the threshold.
    pub stale: u64,
    /// Processes that were killed or began to exit but have not finished.
    pub stuck: u64,
    /// When the oldest zombie died, in Unix seconds.
    pub oldest_died_unix_seconds: Option<f64>,
}

/// A process that holds stale zombies.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// Its workload.
    pub workload: Labels,
    /// Its name.
    pub comm: String,
    /// How many.
    pub zombies: u64,
}

impl Present {
    /// Adds one zombie.
    pub fn add_zombie(&mut self, stale: bool, died_unix_seconds: Option<f64>) {
        self.join(Self {
            zombies: 1,
            stale: u64::from(stale),
            stuck: 0,
            oldest_died_unix_seconds: died_unix_seconds,
        });
    }

    pub(super) fn join(&mut self, other: Self) {
        self.zombies += other.zombies;
        self.stuck += other.stuck;
        self.stale += other.stale;
        let oldest = [
            self.oldest_died_unix_seconds,
            other.oldest_died_unix_seconds,
        ];
        self.oldest_died_unix_seconds = oldest.into_iter().flatten().reduce(f64::min);
    }
}

impl Exits {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            exited: self.exited + other.exited,
            killed: self.killed + other.killed,
            dumped: self.dumped + other.dumped,
        }
    }

    /// For each kind, the larger number.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            exited: self.exited.max(other.exited),
            killed: self.killed.max(other.killed),
            dumped: self.dumped.max(other.dumped),
        }
    }

    /// The count of one kind.
    pub fn of(&mut self, kind: ExitKind) -> &mut u64 {
        match kind {
            ExitKind::Exited => &mut self.exited,
            ExitKind::Killed => &mut self.killed,
            ExitKind::Dumped => &mut self.dumped,
        }
    }

    /// By kind, as the metric names it.
    pub(super) fn by_kind(&self) -> [(&'static str, u64); 3] {
        [
            ("exited", self.exited),
            ("killed", self.killed),
            ("dumped", self.dumped),
        ]
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.exited + self.killed + self.dumped
    }
}

impl Lost {
    /// By reason, as the metric names it.
    pub fn by_reason(&self) -> [(&'static str, u64); 4] {
        [
            ("ring_full", self.ring_full),
            ("tasks_full", self.tasks_full),
            ("malformed", self.malformed),
            ("skipped_runs", self.skipped_runs),
        ]
    }

    /// For all reasons.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, events)| events).sum()
    }
}

/// The reasons with a count, such as "ring_full 12, malformed 1".
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = self.by_reason().into_iter();
        let told = reasons.filter(|(_, events)| *events > 0);
        let told: Vec<_> = told
            .map(|(reason, events)| format!("{reason} {events}"))
            .collect();
        f.write_str(&told.join(", "))
    }
}

/// Events received since the agent started, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// A process died.
    pub death: u64,
    /// `release_task` ran.
    pub release: u64,
    /// A wait call took a dead child.
    pub waited: u64,
    /// The kernel freed a released process.
    pub freed: u64,
    /// Another process became responsible for an existing zombie.
    pub renotified: u64,
    /// A zombie's pidfd hung up.
    pub hung_up: u64,
    /// A cgroup was created.
    pub cgroup_made: u64,
    /// A process that had forked or waited called exec.
    pub exec: u64,
}

impl Events {
    /// By kind, as the metric names it.
    pub(super) fn by_kind(&self) -> [(&'static str, u64); 8] {
        [
            ("death", self.death),
            ("release", self.release),
            ("waited", self.waited),
            ("freed", self.freed),
            ("renotified", self.renotified),
            ("hung_up", self.hung_up),
            ("cgroup_made", self.cgroup_made),
            ("exec", self.exec),
        ]
    }
}

/// How full a PID table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PidTable {
    /// `node`, or the path of a cgroup.
    pub scope: String,
    /// The workload of that cgroup.
    pub workload: Labels,
    /// PIDs in use.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// Zombies among them, if known.
    pub zombies: Option<u64>,
}

/// The state of the agent and its host at one scrape. Totals never decrease.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time in nanoseconds of `CLOCK_BOOTTIME`.
    pub now_ns: u64,
    /// Exits of which the kernel side could only report the number.
    pub lost_exits: Exits,
    /// Reaps without an event.
    pub lost_reaps: u64,
    /// Events lost.
    pub lost: Lost,
    /// Events received.
    pub events: Events,
    /// Current numbers of each workload that has zombies or stuck exits.
    pub present: BTreeMap<Labels, Present>,
    /// Processes with stale zombies. Names may repeat.
    pub parents: Vec<Holder>,
    /// Failed workload lookups.
    pub lookups_failed: Failed,
    /// State of the pod watch, if there is one.
    pub pod_watch: Option<Watched>,
    /// State of the container runtime, if it is used.
    pub cri: Option<Watched>,
    /// All possible verdicts.
    pub verdicts: Vec<&'static str>,
    /// Number of culprits by workload and verdict.
    pub culprits: BTreeMap<(Labels, &'static str), u64>,
    /// The node and the fullest cgroups with a limit.
    pub pids: Vec<PidTable>,
    /// Each attached probe and its hook, such as `("reap", "fentry:release_task")`.
    pub probes: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::Lost;

    #[test]
    fn only_reasons_with_a_count_are_shown() {
        let lost = Lost {
            ring_full: 12,
            malformed: 1,
            ..Lost::default()
        };
        assert_eq!(lost.to_string(), "ring_full 12, malformed 1");
        assert_eq!(lost.total(), 13);
    }
}
