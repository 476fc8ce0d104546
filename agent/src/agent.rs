//! Stand-in until the agent's loop is here.

use crate::api::Doctor;
use crate::cli::{AgentArgs, ProbeArgs};
use crate::handle::Handle;

/// Runs the daemon until a signal ends it.
#[expect(clippy::unused_async, reason = "a stand-in")]
pub async fn run(_args: AgentArgs) -> anyhow::Result<()> {
    anyhow::bail!("the agent is not built yet")
}

/// Starts the agent's loop on its own thread.
pub fn embed(_probes: &ProbeArgs) -> anyhow::Result<Handle> {
    anyhow::bail!("the agent is not built yet")
}

/// What this host allows, found without a running agent.
pub fn doctor(_probes: &ProbeArgs) -> Doctor {
    Doctor {
        version: crate::api::VERSION,
        host: String::new(),
        kernel: String::new(),
        source: None,
        runs: false,
        facts: Vec::new(),
        probes: Vec::new(),
    }
}
