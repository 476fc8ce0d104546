//! Processes that do not reap, in the answer of `culprits`.

use serde::{Deserialize, Serialize};

use super::{Container, Process, Seconds, Time, Verdict};

/// A process that does not reap: it holds zombies older than the minimum age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Culprit {
    /// The process.
    pub process: Process,
    /// Its workload.
    pub container: Option<Container>,
    /// Zombies that it has to reap.
    pub zombies: u64,
    /// Age of the oldest one.
    pub oldest_seconds: Option<Seconds>,
    /// Whether that age is a lower bound.
    pub oldest_is_lower_bound: bool,
    /// Children that died and were not reaped, per second, over the last minute.
    pub leaked_per_second: f64,
    /// Children it reaped since the agent started.
    pub reaped_total: u64,
    /// Its wait4 and waitid calls since the agent started; null if they are not counted.
    pub waits_total: Option<u64>,
    /// When the last of them began.
    pub last_wait_at: Option<Time>,
    /// Why it does not reap; null if unknown.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default)]
    pub no_verdict: Option<String>,
}
