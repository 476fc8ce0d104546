//! A whole cluster, as seen by Prometheus. Missing series are `null`, never 0.

use serde::{Deserialize, Serialize};

use super::{Id, Seconds, Time};

/// The head of every document about a cluster, around its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetDocument<T> {
    /// Version of the format; it increases only if a field changes its meaning.
    pub version: u32,
    /// `prometheus`.
    pub source: String,
    /// Its URL.
    pub prometheus: String,
    /// The time of the query, by Prometheus' clock.
    pub at: Time<3>,
    /// Events lost since the agents started, for all reasons; null if no agent has data.
    pub lost_events: Option<u64>,
    /// The requested items.
    pub items: Vec<T>,
}

/// Nodes and workloads: the only item of `top --prometheus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fleet {
    /// One for each agent that Prometheus has seen within the last hour.
    pub nodes: Vec<FleetNode>,
    /// Those with zombies or stuck exits, and the 1,000 with the most exits.
    pub workloads: Vec<FleetWorkload>,
}

/// The agent that data is from, as labelled by Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetAgent {
    /// Its cluster, if Prometheus has several and labels them.
    pub cluster: Option<String>,
    /// Its node: the label `node`, otherwise `instance`.
    pub node: String,
    /// The scraped address.
    pub instance: String,
    /// The scrape job.
    pub job: String,
}

/// Number of culprits with a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerdictCount {
    /// A verdict id, or `unexplained`.
    pub verdict: Id,
    /// Processes.
    pub culprits: u64,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetNode {
    /// The agent of the node.
    #[serde(flatten)]
    pub agent: FleetAgent,
    /// Version of the agent.
    pub agent_version: Option<String>,
    /// Whether the last scrape succeeded; null if it is not scraped, as with remote write.
    pub up: Option<bool>,
    /// Seconds since the last scrape.
    pub data_age_seconds: Option<Seconds>,
    /// Zombies.
    pub zombies: Option<u64>,
    /// Stale zombies.
    pub stale_zombies: Option<u64>,
    /// Age of the oldest zombie; also null if there are none.
    pub oldest_seconds: Option<Seconds>,
    /// Exits per second over the last 5 minutes.
    pub exits_per_second: Option<f64>,
    /// 99th percentile of the zombie time of processes reaped in the last 5 minutes.
    pub p99_zombie_seconds: Option<Seconds>,
    /// Stuck exits.
    pub stuck_exits: Option<u64>,
    /// PIDs in use.
    pub pids_used: Option<u64>,
    /// Limit of PIDs.
    pub pids_limit: Option<u64>,
    /// Events lost since the agent started.
    pub lost_events: Option<u64>,
    /// Verdicts on its culprits, most frequent first.
    pub verdicts: Option<Vec<VerdictCount>>,
}

/// A pod's container, a container or a unit on one node. If all four names are null, everything
/// outside of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetWorkload {
    /// Pod namespace.
    pub namespace: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
    /// Container name.
    pub container: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Its node.
    #[serde(flatten)]
    pub agent: FleetAgent,
    /// Zombies.
    pub zombies: u64,
    /// Stale zombies.
    pub stale_zombies: u64,
    /// Stuck exits.
    pub stuck_exits: u64,
    /// New stale zombies per second, over the last 15 minutes.
    pub growth_per_second: Option<f64>,
    /// Age of the oldest zombie.
    pub oldest_seconds: Option<Seconds>,
    /// Exits per second over the last 5 minutes.
    pub exits_per_second: Option<f64>,
    /// Share of late reaps in the last 15 minutes; null without reaps.
    pub late_ratio: Option<f64>,
    /// Verdicts on its culprits; null if Prometheus cannot assign them to a workload.
    pub verdicts: Option<Vec<VerdictCount>>,
}

impl FleetWorkload {
    /// Its namespace, pod, container and unit.
    pub fn names(&self) -> [&Option<String>; 4] {
        [&self.namespace, &self.pod, &self.container, &self.unit]
    }
}

/// The answer of `culprits --prometheus`: workloads with stale zombies, and the nodes' verdicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FleetCulprits {
    /// Worst workloads first.
    #[serde(flatten)]
    pub document: FleetDocument<FleetWorkload>,
    /// Nodes that have culprits or no data.
    pub nodes: Vec<FleetNode>,
}
