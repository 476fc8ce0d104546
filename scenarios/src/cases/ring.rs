//! A child reaped without a wait call, by io_uring.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::clock::pause;
use crate::death::Death;
use crate::lacking::Lacking;
use crate::slots::Slot;
use crate::truth::Truth;
use crate::uring::Ring;
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(10);

/// Reaped by an io_uring's waitid (Linux 6.7).
///
/// # Errors
/// If a system call or a helper process fails, or there is no such ring.
pub fn waitid() -> Result<Vec<Truth>> {
    let ring = match Ring::new() {
        Err(errno @ (Errno::ENOSYS | Errno::EPERM)) => bail!(Lacking::new("io_uring", errno)),
        ring => ring.context("cannot make a ring")?,
    };
    let death = Death::new(c"rw-uring")?;
    let pid = death.fork(|| 3)?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reaping();
    let reaped = ring.waitid(pid);
    death.stamp(Slot::ReapEnd);
    if reaped == Err(Errno::EINVAL) {
        death.reap(pid, By::Wait4)?;
        bail!(Lacking::new("IORING_OP_WAITID", Errno::EINVAL));
    }
    reaped.context("cannot reap by a ring")?;
    Ok(vec![death.truth()?])
}
