//! How full the PID tables are, and the answer of `culprits`, which contains that.

use serde::{Deserialize, Serialize};

use super::{Container, Culprit, Document, Seconds};

/// Where PIDs are counted and limited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole machine.
    Node,
    /// A cgroup with a limit (`pids.max`) and those below it, by its path in its hierarchy.
    #[serde(untagged)]
    Cgroup(String),
}

impl Scope {
    /// `node`, or the path.
    pub fn name(&self) -> &str {
        match self {
            Self::Node => "node",
            Self::Cgroup(path) => path,
        }
    }
}

/// How full a PID table is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pids {
    /// Where they are counted.
    pub scope: Scope,
    /// The workload of that cgroup.
    pub container: Option<Container>,
    /// PIDs in use by processes, threads and zombies.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// Zombies among them.
    pub zombies: Option<u64>,
    /// New zombies per second, over up to a minute; null until there are two readings.
    pub leaked_per_second: Option<f64>,
    /// Forks refused by a limit since the cgroup was created, in it and below; null for the node.
    #[serde(default)]
    pub refused_forks: Option<u64>,
    /// When it will be full at this rate; null if nothing leaks.
    pub full_in_seconds: Option<Seconds>,
}

/// The answer of `culprits`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Culprits {
    /// Processes that do not reap.
    #[serde(flatten)]
    pub document: Document<Culprit>,
    /// How full the PID tables are: the node's first, then the fullest cgroups.
    #[serde(default)]
    pub pids: Vec<Pids>,
}
