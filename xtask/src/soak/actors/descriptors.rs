//! More connections than the agent has seats for.

use anyhow::Result;

use crate::soak::stage::Stage;

const CONNECTIONS: usize = 600;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let idle: Result<Vec<_>> = (0..CONNECTIONS).map(|_| stage.agent.connect()).collect();
    let idle = idle?;
    stage.expect_health()?;
    drop(idle);
    Ok(0)
}
