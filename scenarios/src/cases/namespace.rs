//! Deaths in a PID namespace, where the same process has another PID.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use super::fatal::sleep_for_ever;
use crate::clock::pause;
use crate::death::Death;
use crate::slots::{STATUS_KNOWN, Slot};
use crate::truth::{Exit, How, Interval, SentBy, Truth};
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(10);
const SIGKILL: u64 = libc::SIGKILL as u64;

/// A child of a namespace's init, reaped by it.
///
/// # Errors
/// If a system call or a helper process fails; making a namespace takes privileges.
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
        // The reap happens in the exit of this thread: from now until it was seen dead.
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

/// A sleeping child of a namespace's init, which dies with it: killed in the init's name, and
/// released by the kernel, since a dying init ignores SIGCHLD.
///
/// # Errors
/// As [`reaped_inside`].
pub fn init_kills() -> Result<Vec<Truth>> {
    let (init, child) = (Death::new(c"rw-nsinit")?, Death::new(c"rw-nskilled")?);
    let maker = inside(&init, || {
        child.fork(sleep_for_ever)?;
        child.wait(Slot::Ready)?;
        // It happens in the exit of this process.
        child.killing(Signal::SIGKILL);
        Ok(())
    })?;
    let end = init.get(Slot::Seen);
    child.set(Slot::KillEnd, end);
    child.set(Slot::Seen, end);
    child.set(Slot::Status, STATUS_KNOWN | SIGKILL);
    let child = child.truth()?.sent_by(SentBy::Namespace);
    let child = Truth {
        how: How::Autoreap,
        reaped_at: Some(child.died_at),
        ..child
    };
    Ok(vec![child, init.truth()?, maker])
}

/// A process in the namespace with its parent outside: the dying init kills it too, and cannot
/// be dead before that parent has reaped it.
///
/// # Errors
/// As [`reaped_inside`].
pub fn injected() -> Result<Vec<Truth>> {
    let outside = Death::new(c"rw-nsmaker")?;
    let (init, child) = (Death::new(c"rw-nsinit")?, Death::new(c"rw-nsinjected")?);
    let pid = outside.fork_helper(|| {
        unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
        let init_pid = init.fork_helper(|| {
            child.wait(Slot::Go)?;
            child.killing(Signal::SIGKILL);
            Ok(())
        })?;
        // From here on all that this process forks is born into the namespace.
        let child_pid = child.fork(sleep_for_ever)?;
        child.wait(Slot::Ready)?;
        child.stamp(Slot::Go);
        child.see(child_pid)?;
        pause(ZOMBIE_FOR);
        child.reap(child_pid, By::Wait4)?;
        init.see(init_pid)?;
        pause(ZOMBIE_FOR);
        init.reap(init_pid, By::Wait4)
    })?;
    outside.see(pid)?;
    outside.reap(pid, By::Wait4)?;
    child.set(Slot::KillEnd, child.get(Slot::Seen));
    let child = child.truth()?.sent_by(SentBy::Namespace);
    let init = init.truth()?;
    let signal = SIGKILL as u8;
    ensure!(child.exit == Exit::Killed { signal }, "{:?}", child.exit);
    let released = child.reaped_at.context("it was reaped")?;
    let init = Truth {
        begun_at: Interval {
            not_after_ns: child.died_at.not_after_ns,
            ..init.begun_at
        },
        died_at: Interval {
            not_before_ns: released.not_before_ns,
            ..init.died_at
        },
        ..init
    };
    Ok(vec![child, init, outside.truth()?])
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
