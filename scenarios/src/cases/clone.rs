//! Children made by other calls than fork.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::clock::pause;
use crate::clone3::Clone3;
use crate::death::Death;
use crate::truth::Truth;
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(10);

/// Its death sends no signal, and only a wait with `__WCLONE` or `__WALL` sees it.
///
/// # Errors
/// When the kernel or an actor did not do its part.
pub fn without_signal() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-no-signal")?;
    let pid = death
        .clone3(Clone3::default(), || 3)
        .context("cannot clone")?;
    death.see_with(pid, libc::__WCLONE)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4Clone)?;
    Ok(vec![death.truth()?])
}

/// Its parent sleeps until it is on its way out.
///
/// # Errors
/// As [`without_signal`].
pub fn vfork() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-vfork")?;
    let pid = death.vfork(3)?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    Ok(vec![death.truth()?])
}
