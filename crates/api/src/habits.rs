//! How zombies were held and reaped of late, by one process or by all of a workload.

use serde::{Deserialize, Serialize};

use super::{Exit, Head, Process, Seconds, Time};

/// How zombies were held and children reaped of late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Habits {
    /// Median zombie time of recently reaped children.
    pub p50_seconds: Option<Seconds>,
    /// 99th percentile of the same.
    pub p99_seconds: Option<Seconds>,
    /// The same as a histogram; empty if none were measured.
    #[serde(default)]
    pub zombie_times: Vec<Bucket>,
    /// Zombies held at the end of each second of the last minute, or since the agent started; the
    /// last is now.
    #[serde(default)]
    pub zombies_last_minute: Vec<u64>,
    /// The children reaped last, latest first.
    #[serde(default)]
    pub last_reaps: Vec<LastReap>,
}

/// How many zombie times are within a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Bucket {
    /// The end of the range, which begins where the one before ends; null for the last one.
    pub up_to_seconds: Option<Seconds>,
    /// How many.
    pub count: u64,
}

/// A child that was reaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastReap {
    /// The child.
    pub process: Process,
    /// How it ended.
    pub exit: Option<Exit>,
    /// When it was reaped.
    pub reaped_at: Option<Time>,
    /// How long it was a zombie.
    pub zombie_seconds: Option<Seconds>,
}

/// The answer of `/api/v1/workload`: the head of every document, and what the processes of a
/// workload did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadHabits {
    /// Host and time.
    #[serde(flatten)]
    pub head: Head,
    /// How many of its processes hold zombies, or reaped a child in the last minute.
    pub parents: u64,
    /// What they did.
    #[serde(flatten)]
    pub habits: Habits,
}
