//! Deaths in a PID namespace, where the same process has another number.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};

use crate::clock::pause;
use crate::death::Death;
use crate::slots::Slot;
use crate::truth::{Exit, How, Truth};
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(10);

/// A child of a namespace's init, reaped by it.
///
/// # Errors
/// When the kernel or an actor did not do its part; making a namespace takes privileges.
pub fn reaped_inside() -> Result<Vec<Truth>> {
    let (init, child) = (Death::new(c"rw-nsinit")?, Death::new(c"rw-nschild")?);
    let maker = inside(&init, || {
        let pid = child.fork(|| 3)?;
        ensure!(
            pid.as_raw() == 2,
            "the second process of a namespace is 2 there"
        );
        child.see(pid)?;
        pause(ZOMBIE_FOR);
        child.reap(pid, By::Wait4)
    })?;
    Ok(vec![child.truth()?, init.truth()?, maker])
}

/// A zombie that its namespace's init leaves behind: the dying init clears it up.
///
/// # Errors
/// As [`reaped_inside`].
pub fn init_dies() -> Result<Vec<Truth>> {
    let (init, child) = (Death::new(c"rw-nsinit")?, Death::new(c"rw-nsleft")?);
    let maker = inside(&init, || {
        let pid = child.fork(|| 3)?;
        child.see(pid)?;
        pause(ZOMBIE_FOR);
        // All that this thread still does is die, and so reap: from now until it was seen dead.
        child.reaping();
        Ok(())
    })?;
    child.set(Slot::ReapEnd, init.get(Slot::Seen));
    let child = Truth {
        how: How::Namespace,
        ..child.truth()?
    };
    Ok(vec![child, init.truth()?, maker])
}

/// Runs `body` as the init of a new PID namespace until both that init and the process that made
/// the namespace are dead and reaped; returns the truth of the latter.
pub(super) fn inside(init: &Death, body: impl FnOnce() -> Result<()>) -> Result<Truth> {
    let maker = Death::new(c"rw-nsmaker")?;
    let pid = maker.fork_helper(|| {
        unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
        let pid = init.fork_helper(body)?;
        init.see(pid)?;
        pause(ZOMBIE_FOR);
        init.reap(pid, By::Wait4)
    })?;
    maker.see(pid)?;
    maker.reap(pid, By::Wait4)?;
    let maker = maker.truth()?;
    let ends = [maker.exit, init.truth()?.exit];
    ensure!(
        ends == [Exit::Exited { code: 0 }; 2],
        "the namespace did not work: {ends:?}"
    );
    Ok(maker)
}
