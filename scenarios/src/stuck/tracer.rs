//! Processes that their tracer keeps stopped at the start of their exit.

use std::io::{Write, pipe};

use anyhow::{Context, Result};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::scene::{Made, Scene};
use crate::helpers::{Helper, child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// The tracer sleeps.
pub(super) fn sleeps() -> Result<Made> {
    stopped_at_exit(|_| sleep_for_ever(), None)
}

/// The tracer is stopped itself; continued, it does its work.
pub(super) fn is_stopped() -> Result<Made> {
    let stop = |pid| {
        raise(Signal::SIGSTOP).context("cannot stop")?;
        release(pid)
    };
    stopped_at_exit(stop, None)
}

/// The tracer is blocked in a pipe that is not read; it does its work when the reader is gone.
pub(super) fn is_blocked() -> Result<Made> {
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    let reader = Helper(child(move || {
        let _open = reader;
        sleep_for_ever()
    })?);
    stopped_at_exit(
        move |pid| {
            let mut writer = writer;
            while writer.write_all(&[0; 4096]).is_ok() {}
            release(pid)
        },
        Some(reader),
    )
}

/// Continues it when it has stopped.
fn release(pid: Pid) -> Result<()> {
    waitpid(pid, Some(WaitPidFlag::__WALL)).context("cannot wait")?;
    ptrace::cont(pid, None).context("cannot continue it")?;
    sleep_for_ever()
}

/// Is killed, and stops for its tracer, which then does what it does.
///
/// Killed while it lives: where the signal comes in the stop, Linux before 6.0 ends the stop.
fn stopped_at_exit(then: impl FnOnce(Pid) -> Result<()>, other: Option<Helper>) -> Result<Made> {
    let slots = Slots::new()?;
    let pid = child(sleep_for_ever)?;
    let tracer = Helper(child(|| {
        ptrace::seize(pid, Options::PTRACE_O_TRACEEXIT).context("cannot trace")?;
        slots.set(Slot::Tracer, 1);
        then(pid)
    })?);
    slots.wait(Slot::Tracer)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(Scene {
        pid,
        holder: Some(tracer.0),
        connection: None,
        guard: Box::new((tracer, other, slots)),
    }))
}
