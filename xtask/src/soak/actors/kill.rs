//! The agent is killed while zombies are there; the next one finds them.

use anyhow::Result;

use crate::soak::stage::Stage;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let leak = stage.leak(500)?;
    stage.expect_held(&leak, 500)?;
    stage.agent.kill_and_start_again()?;
    stage.expect_held(&leak, 500)?;
    stage.begin_books()?;
    drop(leak);
    // The zombies had died before.
    Ok(1)
}
