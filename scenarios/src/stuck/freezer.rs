//! A process that is killed while its cgroup is frozen. Only the freezer of version 1 keeps a
//! killed process.

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};

use super::{Helper, Made, Scene};
use crate::culprits::cgroup::{self, Cgroup};
use crate::culprits::{child, sleep_for_ever};

/// Frozen, then killed.
pub(super) fn killed() -> Result<Made> {
    if cgroup::mount("freezer").is_none()
        && let Err(why) = mount_privately()
    {
        return Ok(Err(format!("no freezer of version 1: {why:#}")));
    }
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

fn mount_privately() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("cannot leave the mount namespace")?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .context("cannot keep mounts private")?;
    let folder = "/mnt";
    std::fs::create_dir_all(folder)?;
    mount(
        Some("cgroup"),
        folder,
        Some("cgroup"),
        MsFlags::empty(),
        Some("freezer"),
    )
    .context("cannot mount it")
}
