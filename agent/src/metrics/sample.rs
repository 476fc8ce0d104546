//! What the loop provides for a scrape: plain numbers, no logic.

use std::collections::BTreeMap;

use super::labels::Labels;
use model::counts::{Exits, Lost};
use model::workload::{Failed, pods::Watched};
use wire::Times;

/// Current numbers of one workload.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Present {
    /// Zombies.
    pub zombies: u64,
    /// Zombies older than the threshold.
    pub stale: u64,
    /// Processes that were killed or began to exit but have not finished.
    pub stuck: u64,
    /// Open pidfds of reaped processes that its processes hold.
    pub dead_pidfds: u64,
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
    /// Adds zombies, of which the oldest died at this time.
    pub fn add_zombies(&mut self, zombies: u64, stale: u64, oldest_unix_seconds: Option<f64>) {
        self.join(Self {
            zombies,
            stale,
            oldest_died_unix_seconds: oldest_unix_seconds,
            ..Self::default()
        });
    }

    pub(super) fn join(&mut self, other: Self) {
        self.zombies += other.zombies;
        self.stuck += other.stuck;
        self.stale += other.stale;
        self.dead_pidfds += other.dead_pidfds;
        let oldest = [
            self.oldest_died_unix_seconds,
            other.oldest_died_unix_seconds,
        ];
        self.oldest_died_unix_seconds = oldest.into_iter().flatten().reduce(f64::min);
    }
}

/// Events taken in since the agent came, by kind.
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
    pub fn by_kind(&self) -> [(&'static str, u64); 8] {
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

/// How full a table of the agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in the metric.
    pub name: &'static str,
    /// Its entries.
    pub entries: usize,
    /// For how many there is room.
    pub limit: usize,
}

/// The state of the agent and its host at one scrape. Totals never decrease.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time in nanoseconds of `CLOCK_BOOTTIME`.
    pub now_ns: u64,
    /// It is of a recording, whose page has only what a recording knows.
    pub is_recorded: bool,
    /// Exits of which the kernel side could only report the number.
    pub lost_exits: Exits,
    /// Reaps without an event.
    pub lost_reaps: u64,
    /// Times of ordinary deaths, which the kernel side counts.
    pub ordinary: Times,
    /// Events lost, if known.
    pub lost: Option<Lost>,
    /// Events received.
    pub events: Events,
    /// Current numbers of each workload that has zombies or stuck exits.
    pub present: BTreeMap<Labels, Present>,
    /// Whether pidfds of reaped processes are counted.
    pub counts_dead_pidfds: bool,
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
    /// How full the agent's own tables are.
    pub tables: Vec<Table>,
    /// Zombies that are in no list, for lack of room.
    pub unlisted_zombies: u64,
    /// Each attached probe and its hook, such as `("reap", "fentry:release_task")`.
    pub probes: Vec<(String, String)>,
}
