//! Forks, exits and waits, as fast as possible.

use anyhow::Result;

use crate::soak::stage::Stage;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    stage.cycles(20_000)
}
