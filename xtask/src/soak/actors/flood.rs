//! More deaths than the ring holds, while the agent is stopped.

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::soak::stage::Stage;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    stage.agent.signal(Signal::SIGSTOP)?;
    let deaths = stage.cycles(50_000);
    stage.agent.signal(Signal::SIGCONT)?;
    deaths
}
