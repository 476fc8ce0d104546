//! A process that is killed while its cgroup is frozen. Only the freezer of version 1 keeps a
//! killed process.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};

use super::scene::{Made, Scene};
use crate::cgroup::Cgroup;
use crate::helpers::{Helper, child, sleep_for_ever};

/// Frozen, then killed.
pub(super) fn killed() -> Result<Made> {
    let frozen = Helper(child(sleep_for_ever)?);
    let pid = frozen.0;
    let cgroup = Cgroup::frozen_v1(pid)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(Scene {
        pid,
        holder: None,
        connection: None,
        // Thawed first, so that it can die.
        guard: Box::new((cgroup, frozen)),
    }))
}
