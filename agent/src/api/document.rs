//! What stands around every answer about one host.

use serde::{Deserialize, Serialize};

/// Version of every document; rises only when a field changes its meaning.
pub const VERSION: u32 = 1;

/// How every document of a host begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the host that was looked at.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// `fentry`, `kprobe` or `tracepoint`: the weakest hook kind in use.
    pub source: String,
    /// When the document was made.
    pub at: String,
    /// Events lost since the agent came, all reasons.
    pub lost_events: u64,
}

/// A head and its items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document<T> {
    /// Whose items, and when.
    #[serde(flatten)]
    pub head: Head,
    /// What was asked for.
    pub items: Vec<T>,
    /// What is missing in all of them, such as evidence that this agent may not read.
    #[serde(default)]
    pub notes: Vec<String>,
}
