//! Who had to reap a zombie before.

use serde::{Deserialize, Serialize};

use super::Process;

/// Somebody who had to reap a zombie and did not, until it came to somebody else: its parent
/// ended, or its tracer let it go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Who.
    pub process: Process,
    /// Whether it held it as its ptracer, not as its parent.
    pub as_tracer: bool,
    /// When that ended.
    pub until: String,
    /// Whether `until` and `seconds` are upper bounds.
    pub until_is_upper_bound: bool,
    /// How long it held it; null where only a bound of its beginning is known.
    pub seconds: Option<f64>,
}

/// A process that acted, and the thread that did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaper {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// The thread.
    pub tid: u32,
    /// Name of the thread at that time, where it is not the first one.
    #[serde(default)]
    pub thread: Option<String>,
}
