//! A process that its tracer stops at the start of its exit.

use anyhow::{Context, Result};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};

use super::{Helper, Made, Scene};
use crate::culprits::{child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// Is killed, and stops for its tracer.
///
/// Killed while it lives: where the signal comes in the stop, Linux before 6.0 ends the stop.
pub(super) fn stopped_at_exit() -> Result<Made> {
    let slots = Slots::new()?;
    let pid = child(sleep_for_ever)?;
    let tracer = Helper(child(|| {
        ptrace::seize(pid, Options::PTRACE_O_TRACEEXIT).context("cannot trace")?;
        slots.set(Slot::Tracer, 1);
        sleep_for_ever()
    })?);
    slots.wait(Slot::Tracer)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(Scene {
        pid,
        holder: Some(tracer.0),
        connection: None,
        guard: Box::new((tracer, slots)),
    }))
}
