//! The agent itself.

use serde::{Deserialize, Serialize};

use super::Seconds;

/// What the agent uses, what it has lost, and how full its tables are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentUse {
    /// Its PID.
    pub pid: u32,
    /// CPU time since it started; null if that could not be read.
    pub cpu_seconds: Option<Seconds>,
    /// Resident memory in bytes; null if that could not be read.
    pub memory_bytes: Option<u64>,
    /// The memory limit of its cgroup in bytes; null if there is none.
    pub memory_limit_bytes: Option<u64>,
    /// Events lost since it started, by reason.
    pub lost: Vec<LostEvents>,
    /// Its tables.
    pub tables: Vec<TableUse>,
}

/// Events lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LostEvents {
    /// The reason, as the metric names it.
    pub reason: String,
    /// How many.
    pub events: u64,
}

/// How full a table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableUse {
    /// Its name, as the metric has it.
    pub table: String,
    /// Its entries.
    pub entries: u64,
    /// For how many there is room.
    pub limit: u64,
}
