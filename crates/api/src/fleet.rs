//! What Prometheus knows of a whole cluster. Absent series are `null`, never 0.

use serde::{Deserialize, Serialize};

/// The head of every document about a cluster, around its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetDocument<T> {
    /// [`super::VERSION`].
    pub version: u32,
    /// `prometheus`.
    pub source: String,
    /// Its URL.
    pub prometheus: String,
    /// The moment that it was asked about, by its clock.
    pub at: String,
    /// Events lost since the agents came, all reasons; null where no agent tells.
    pub lost_events: Option<u64>,
    /// What was asked for.
    pub items: Vec<T>,
}

/// Nodes and workloads: the only item of what `top --prometheus` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// One for each agent that Prometheus knew within the last hour.
    pub nodes: Vec<FleetNode>,
    /// Those with zombies or stuck exits, and the 1,000 with the most exits.
    pub workloads: Vec<FleetWorkload>,
}

/// Which agent some figures are from, as Prometheus labels it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FleetAgent {
    /// Its cluster, where Prometheus has several and labels them.
    pub cluster: Option<String>,
    /// Its node: the label `node`, else `instance`.
    pub node: String,
    /// Where it is scraped.
    pub instance: String,
    /// By which job.
    pub job: String,
}

/// How many culprits a verdict has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCount {
    /// One of the ids of verdicts, or `unexplained`.
    pub verdict: String,
    /// Processes.
    pub culprits: u64,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetNode {
    /// Whose figures these are.
    #[serde(flatten)]
    pub agent: FleetAgent,
    /// Version of the agent.
    pub agent_version: Option<String>,
    /// Whether the last scrape succeeded; null where nobody scrapes, as with remote write.
    pub up: Option<bool>,
    /// Since the figures were scraped.
    pub data_age_seconds: Option<f64>,
    /// Zombies.
    pub zombies: Option<u64>,
    /// Those of them that are stale.
    pub stale_zombies: Option<u64>,
    /// Age of the oldest zombie; null also where there is none.
    pub oldest_seconds: Option<f64>,
    /// Exits a second over the last 5 minutes.
    pub exits_per_second: Option<f64>,
    /// 99th percentile of the zombie time of processes reaped in the last 5 minutes.
    pub p99_zombie_seconds: Option<f64>,
    /// Exits that do not come to their end.
    pub stuck_exits: Option<u64>,
    /// PIDs in use.
    pub pids_used: Option<u64>,
    /// PIDs that can be in use.
    pub pids_limit: Option<u64>,
    /// Events lost since the agent came.
    pub lost_events: Option<u64>,
    /// Why its culprits do not reap; the most frequent first.
    pub verdicts: Option<Vec<VerdictCount>>,
}

/// A pod's container, a container or a unit on one node; with all four names null, what is in
/// none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetWorkload {
    /// Pod namespace.
    pub namespace: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
    /// Container name.
    pub container: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// On which node.
    #[serde(flatten)]
    pub agent: FleetAgent,
    /// Zombies.
    pub zombies: u64,
    /// Those of them that are stale.
    pub stale_zombies: u64,
    /// Exits that do not come to their end.
    pub stuck_exits: u64,
    /// Stale zombies that come to it a second, over the last 15 minutes.
    pub growth_per_second: Option<f64>,
    /// Age of the oldest zombie.
    pub oldest_seconds: Option<f64>,
    /// Exits a second over the last 5 minutes.
    pub exits_per_second: Option<f64>,
    /// Share of reaps in the last 15 minutes that came late; null without reaps.
    pub late_ratio: Option<f64>,
    /// Why its culprits do not reap; null where Prometheus cannot tell whose they are.
    pub verdicts: Option<Vec<VerdictCount>>,
}

/// What `culprits --prometheus` prints: workloads with stale zombies, and the nodes' verdicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetCulprits {
    /// The worst workloads first.
    #[serde(flatten)]
    pub document: FleetDocument<FleetWorkload>,
    /// Nodes with culprits, or of which nothing is known.
    pub nodes: Vec<FleetNode>,
}
