//! Children made by other calls than fork.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use crate::clock::pause;
use crate::clone3::Clone3;
use crate::death::{Death, FAILED};
use crate::slots::Slot;
use crate::truth::Truth;
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(10);

/// Its death sends no signal, and only a wait with `__WCLONE` or `__WALL` sees it.
///
/// # Errors
/// If a system call or a helper process fails.
pub fn without_signal() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-no-signal")?;
    let (pid, _) = death
        .clone3(Clone3::default(), || 3)
        .context("cannot clone")?;
    death.see_with(pid, libc::__WCLONE)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4Clone)?;
    Ok(vec![death.truth()?])
}

/// A child that is its maker's sibling: made by `CLONE_PARENT`, reaped by its maker's parent. Its
/// maker ends first.
///
/// # Errors
/// As [`without_signal`].
pub fn sibling() -> Result<Vec<Truth>> {
    let (maker, child) = (Death::new(c"rw-maker")?, Death::new(c"rw-sibling")?);
    let how = Clone3 {
        flags: libc::CLONE_PARENT as u64,
        exit_signal: 0,
    };
    let maker_pid = maker.fork_helper(|| {
        child
            .clone3(how, || match child.wait(Slot::Go) {
                Ok(_) => 3,
                Err(_) => FAILED,
            })
            .context("cannot clone")?;
        child.wait(Slot::Ready).map(drop)
    })?;
    maker.see(maker_pid)?;
    pause(ZOMBIE_FOR);
    maker.reap(maker_pid, By::Wait4)?;
    child.stamp(Slot::Go);
    let child_pid = Pid::from_raw(child.get(Slot::Pid) as i32);
    child.see(child_pid)?;
    pause(ZOMBIE_FOR);
    child.reap(child_pid, By::Wait4)?;
    Ok(vec![maker.truth()?, child.truth()?])
}

/// Its parent sleeps until it exits.
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
