//! What this host allows, in the answer of `doctor`.

use serde::{Deserialize, Serialize};

use super::{AgentUse, HookKind, OrOther};

/// One probe, as `doctor` reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Probe {
    /// The transition: `exit`, `zombie`, `wait`, `reap`, `free`, `kill`, `oom`, `fork`, `snapshot`
    /// and others; with `--steps` also `steps`.
    pub probe: String,
    /// The hook in use, such as `fentry:release_task`; null if none attached.
    pub hook: Option<String>,
    /// Whether the agent cannot run without it.
    pub required: bool,
    /// What is lost without it, or with a weaker hook than the first; null if nothing.
    pub lost: Option<String>,
    /// Each better hook that was tried, with the kernel's reason for refusing it.
    pub refused: Vec<String>,
}

/// One fact about the host that `doctor` checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fact {
    /// What was checked.
    pub name: String,
    /// Whether it is as the agent needs it.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, unless it is ok.
    pub fix: Option<String>,
    /// The same as `fix`, under its old name for one release.
    pub mend: Option<String>,
}

/// What this kernel and these privileges allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Doctor {
    /// Version of the format; it increases only if a field changes its meaning.
    pub version: u32,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The weakest hook kind in use; null if the agent cannot run.
    pub source: Option<OrOther<HookKind>>,
    /// Whether the agent can run.
    pub runs: bool,
    /// What was checked.
    pub facts: Vec<Fact>,
    /// Each transition and its hook.
    pub probes: Vec<Probe>,
    /// The agent itself; null if none is running.
    #[serde(default)]
    pub agent: Option<AgentUse>,
}
