//! How full the PID tables are, and the answer of `culprits`, which says it.

use serde::{Deserialize, Serialize};

use super::{Container, Culprit, Document};

/// How full a table of PIDs is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pids {
    /// `node`, or the path of a cgroup with a limit (`pids.max`).
    pub scope: String,
    /// Whose that cgroup is.
    pub container: Option<Container>,
    /// PIDs in use: of processes, their threads and zombies.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
    /// Zombies among them.
    pub zombies: Option<u64>,
    /// How many more zombies there are each second, over the last minute at most; null until two
    /// looks tell.
    pub leaked_per_second: Option<f64>,
    /// Forks that a limit refused since the cgroup was made, in it and below; null of the node.
    #[serde(default)]
    pub refused_forks: Option<u64>,
    /// When it is full, if it goes on so; null where nothing leaks.
    pub full_in_seconds: Option<f64>,
}

/// The answer of `culprits`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Culprits {
    /// Who does not reap.
    #[serde(flatten)]
    pub document: Document<Culprit>,
    /// How full the PID tables are: the node's first, then the fullest of cgroups.
    #[serde(default)]
    pub pids: Vec<Pids>,
}
