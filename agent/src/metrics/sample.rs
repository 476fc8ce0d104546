//! What the loop hands over at scrape time: plain numbers, no logic.

use std::collections::BTreeMap;

/// Exits that the kernel side counted since the agent came; none is lost with a full ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Ended by themselves.
    pub exited: u64,
    /// Killed by a signal.
    pub killed: u64,
    /// Killed by a signal, with a core dump.
    pub dumped: u64,
}

/// Events lost since the agent came, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring to user space was full.
    pub ring_full: u64,
    /// The kernel side's memory of living processes was full.
    pub tasks_full: u64,
    /// User space could not decode the record.
    pub malformed: u64,
    /// The kernel skipped a run of a program, since one was under way on that CPU.
    pub skipped_runs: u64,
}

impl Exits {
    /// Of every kind.
    pub fn total(&self) -> u64 {
        self.exited + self.killed + self.dumped
    }
}

impl Lost {
    /// For every reason.
    pub fn total(&self) -> u64 {
        self.ring_full + self.tasks_full + self.malformed + self.skipped_runs
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
    /// Somebody else was told of an existing zombie.
    pub renotified: u64,
    /// A zombie's pidfd hung up.
    pub hung_up: u64,
}

/// The state of the agent and its host at one scrape. Totals only ever rise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Exits, as the kernel side counted them.
    pub exits: Exits,
    /// Releases, as the kernel side counted them.
    pub reaped: u64,
    /// Events lost.
    pub lost: Lost,
    /// Events taken in.
    pub events: Events,
    /// Zombies now.
    pub zombies: u64,
    /// Zombies now that are older than the threshold.
    pub stale_zombies: u64,
    /// When the oldest zombie died, in seconds of Unix time; `None` when there is no zombie.
    pub oldest_died_unix_seconds: Option<f64>,
    /// Name of each parent with stale zombies, and how many. Names may repeat.
    pub parents: Vec<(String, u64)>,
    /// How many culprits have each verdict.
    pub culprits: BTreeMap<&'static str, u64>,
    /// Processes that were killed or began to exit and do not get there.
    pub stuck_exits: u64,
    /// PIDs in use on the host, threads included.
    pub pids_used: Option<u64>,
    /// PIDs that the host allows.
    pub pids_limit: Option<u64>,
    /// Each attached probe and its hook, such as `("reap", "fentry:release_task")`.
    pub probes: Vec<(String, String)>,
}
