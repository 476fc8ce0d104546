//! Processes that ignore a terminating signal while its sender waits for their end.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::scene::{Made, Scene};
use crate::helpers::{Helper, child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// It has SIG_IGN for SIGTERM.
pub(super) fn by_choice() -> Result<Made> {
    sent_sigterm(
        || Ok(()),
        || {
            // SAFETY: no handler is installed.
            unsafe { signal(Signal::SIGTERM, SigHandler::SigIgn) }.context("cannot ignore")?;
            Ok(())
        },
    )
}

/// As the init of a PID namespace it has no handler, for which the kernel drops SIGTERM.
pub(super) fn as_init() -> Result<Made> {
    let leave = || unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace");
    sent_sigterm(leave, || Ok(()))
}

fn sent_sigterm(before: fn() -> Result<()>, inside: fn() -> Result<()>) -> Result<Made> {
    let slots = Slots::new()?;
    let sender = Helper(child(|| {
        before()?;
        let pid = child(|| {
            inside()?;
            slots.set(Slot::Ready, 1);
            sleep_for_ever()
        })?;
        slots.wait(Slot::Ready)?;
        kill(pid, Signal::SIGTERM).context("cannot send SIGTERM")?;
        slots.set(Slot::Pid, pid.as_raw() as u64);
        waitpid(pid, None).context("cannot wait")?;
        sleep_for_ever()
    })?);
    let pid = Pid::from_raw(slots.wait(Slot::Pid)? as i32);
    Ok(Ok(Scene {
        pid,
        holder: Some(sender.0),
        connection: None,
        guard: Box::new((sender, slots)),
    }))
}
