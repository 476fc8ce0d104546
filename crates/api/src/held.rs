//! Earlier parents and tracers of a zombie.

use serde::{Deserialize, Serialize};

use super::{Process, Seconds, Time};

/// A process that had to reap a zombie and did not, until another one became responsible: its
/// parent exited, or its tracer released it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Held {
    /// The process.
    pub process: Process,
    /// Whether it was its ptracer and not its parent.
    pub as_tracer: bool,
    /// When that ended.
    pub until: Time,
    /// Whether `until` and `seconds` are upper bounds.
    pub until_is_upper_bound: bool,
    /// How long it held it; null if the beginning is only known as a bound.
    pub seconds: Option<Seconds>,
}

/// A process that acted, and its thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reaper {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// The thread.
    pub tid: u32,
    /// Name of the thread at that time, if it is not the first one.
    #[serde(default)]
    pub thread: Option<String>,
}
