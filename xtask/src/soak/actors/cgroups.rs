//! Cgroups that come and go, with deaths in each.

use anyhow::Result;

use crate::soak::scale::load;
use crate::soak::stage::Stage;

const CGROUPS: u32 = 300;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let deaths = load::cgroups(&stage.scenarios, CGROUPS)?;
    stage.expect_health()?;
    Ok(deaths.into())
}
