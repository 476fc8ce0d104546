//! The socket's file is removed.

use anyhow::Result;

use crate::soak::stage::{Stage, eventually};

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    stage.agent.unlink_socket()?;
    eventually("the socket is there again", || {
        Ok(stage.agent.get("/healthz").is_ok())
    })?;
    Ok(0)
}
