//! The socket's file is removed.

use anyhow::Result;

use crate::soak::stage::Stage;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    stage.agent.unlink_socket()?;
    stage.expect_health()?;
    Ok(0)
}
