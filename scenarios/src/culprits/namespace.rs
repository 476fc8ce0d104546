//! Inits of PID namespaces, as in containers, that do not reap what they adopt.

use std::convert::Infallible;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::helpers::{child, companion, orphans, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// An application as PID 1: it adopts what its own script leaves, and never waits.
pub(super) fn init(slots: &Slots) -> Result<Infallible> {
    let init = first_process(|| {
        child(|| orphans(c"rw-script"))?;
        slots.publish_pid();
        sleep_for_ever()
    })?;
    keep(init)
}

/// It waits for its one child as it should. A probe comes in from outside, as by `docker exec`,
/// and what that leaves behind is PID 1's.
pub(super) fn probed_init(slots: &Slots) -> Result<Infallible> {
    let init = first_process(|| {
        let worker = companion()?;
        slots.publish_pid();
        loop {
            waitpid(worker, None).context("cannot wait")?;
        }
    })?;
    slots.wait(Slot::Pid)?;
    let probe = child(|| orphans(c"rw-probe"))?;
    waitpid(probe, None).context("cannot wait for the probe")?;
    keep(init)
}

/// The first process of a pod whose containers share a PID namespace: it has no child of its
/// own, and adopts what a container leaves.
pub(super) fn pause(slots: &Slots) -> Result<Infallible> {
    let init = first_process(|| {
        prctl::set_name(c"pause").context("cannot take a name")?;
        slots.publish_pid();
        sleep_for_ever()
    })?;
    slots.wait(Slot::Pid)?;
    child(|| {
        waitpid(child(|| orphans(c"rw-container"))?, None).context("cannot wait")?;
        sleep_for_ever()
    })?;
    keep(init)
}

/// The parent, from outside, of a zombie in a namespace whose init has been killed and cannot end
/// until that zombie is reaped.
pub(super) fn outlived_by_a_zombie(slots: &Slots) -> Result<Infallible> {
    let init = first_process(sleep_for_ever)?;
    // The kernel kills it with the namespace.
    companion()?;
    kill(init, Signal::SIGKILL).context("cannot kill the init")?;
    slots.publish_pid();
    sleep_for_ever()
}

/// Forks PID 1 of a new namespace. Children that this process forks later come into it too.
fn first_process(body: impl FnOnce() -> Result<()>) -> Result<Pid> {
    unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
    child(body)
}

fn keep(init: Pid) -> Result<Infallible> {
    loop {
        waitpid(init, None).context("cannot wait")?;
    }
}
