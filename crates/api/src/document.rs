//! The frame of every answer about one host.

use serde::{Deserialize, Serialize};

use super::{HookKind, OrOther, Time};

/// Version of every document; it increases only if a field changes its meaning.
pub const VERSION: u32 = 1;

/// The start of every document of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Head {
    /// Version of the format; it increases only if a field changes its meaning.
    pub version: u32,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The weakest hook kind in use.
    pub source: OrOther<HookKind>,
    /// When the document was created.
    pub at: Time,
    /// Events lost since the agent started, for all reasons.
    pub lost_events: u64,
    /// Zombies that are counted with their parents and in no list, since the agent's memory limit
    /// has no room for more.
    #[serde(default)]
    pub unlisted_zombies: u64,
}

/// A head and its items.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Document<T> {
    /// Host and time.
    #[serde(flatten)]
    pub head: Head,
    /// The requested items.
    pub items: Vec<T>,
    /// How many items there are, with those that a limit leaves out.
    #[serde(default)]
    pub total: u64,
    /// What is missing in all of them, such as evidence that this agent may not read.
    #[serde(default)]
    pub notes: Vec<String>,
}
