//! One frame of the live view.

use serde::{Deserialize, Serialize};

use super::{Confidence, Container, Id, OrOther, Pids, Process, Seconds, Verdict, Zombie};

/// A process that holds zombies or reaps children: one row of `top`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Parent {
    /// The process.
    pub process: Process,
    /// Its workload.
    #[serde(default)]
    pub container: Option<Container>,
    /// Zombies that it has to reap.
    pub zombies: u64,
    /// Age of the oldest one.
    pub oldest_seconds: Option<Seconds>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children that died and were not reaped, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children reaped, per second, over the last minute.
    pub reaped_per_second: f64,
    /// Children it reaped since the agent started.
    pub reaped_total: u64,
    /// Median zombie time of recently reaped children.
    pub p50_seconds: Option<Seconds>,
    /// 99th percentile of the same.
    pub p99_seconds: Option<Seconds>,
    /// Why it does not reap, if it has old zombies; up to a few seconds old.
    pub verdict: Option<Verdict>,
}

/// A pod, container or unit whose processes hold zombies or reap children: one row of `top`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadRow {
    /// The workload; null for processes that belong to none.
    pub container: Option<Container>,
    /// Its processes that hold zombies.
    pub culprits: u64,
    /// Zombies that its processes have to reap.
    pub zombies: u64,
    /// Age of the oldest one.
    pub oldest_seconds: Option<Seconds>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children of its processes that died and were not reaped, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children reaped by its processes, per second, over the last minute.
    pub reaped_per_second: f64,
    /// The verdict on the process that holds the most.
    pub verdict: Option<Id>,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Option<OrOther<Confidence>>,
    /// How full its PID table is, if it has a limit.
    pub pids: Option<Pids>,
}

/// The numbers in the header of `top`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Current zombies.
    pub zombies: u64,
    /// Processes that hold them; null from an older agent.
    #[serde(default)]
    pub culprits: Option<u64>,
    /// Workloads with such processes; null from an older agent.
    #[serde(default)]
    pub workloads: Option<u64>,
    /// Exits since the agent started.
    pub exits_total: u64,
    /// Reaps since the agent started.
    pub reaped_total: u64,
    /// Processes that were killed or began to exit but have not finished; a few seconds old.
    #[serde(default)]
    pub stuck: u64,
    /// Processes that got a terminating signal but have not begun to exit; a few seconds old.
    #[serde(default)]
    pub unheard: u64,
    /// Seconds since the agent started.
    pub uptime_seconds: Seconds,
    /// Version of the agent.
    pub agent_version: String,
}

/// One answer of `/api/v1/top`: everything for one frame of the live view.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Top {
    /// The numbers in the header.
    pub summary: Summary,
    /// Parents with zombies, or with reaps in the last minute; worst first.
    pub parents: Vec<Parent>,
    /// How many parents pass the filter, with those that the limit leaves out.
    #[serde(default)]
    pub parents_total: u64,
    /// All zombies, oldest first.
    pub zombies: Vec<Zombie>,
    /// How many zombies pass the filter, with those that the limit leaves out.
    #[serde(default)]
    pub zombies_total: u64,
    /// The workloads of all parents, those with most zombies first.
    #[serde(default)]
    pub workloads: Vec<WorkloadRow>,
    /// How many workloads pass the filter, with those that the limit leaves out.
    #[serde(default)]
    pub workloads_total: u64,
    /// How full the PID tables are: the node's first, then the fullest cgroups.
    #[serde(default)]
    pub pids: Vec<Pids>,
}
