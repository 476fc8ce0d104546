//! The init of a PID namespace in which a process from outside has a child.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::scene::{Made, Scene};
use crate::guard::Subreaper;
use crate::helpers::{Helper, child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// Both children of one outside go into the namespace: the first is its init. That one is killed,
/// then the kernel kills the other, whose parent does not reap it. Their adopter
/// would reap them.
pub(super) fn init() -> Result<Made> {
    let slots = Slots::new()?;
    let heir = Helper(child(|| {
        let _inherits = Subreaper::new()?;
        let outside = child(|| {
            unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
            let init = child(sleep_for_ever)?;
            child(sleep_for_ever)?;
            slots.set(Slot::Pid, init.as_raw() as u64);
            sleep_for_ever()
        })?;
        slots.set(Slot::Parent, outside.as_raw() as u64);
        while waitpid(None, None).is_ok() {}
        sleep_for_ever()
    })?);
    let outside = Pid::from_raw(slots.wait(Slot::Parent)? as i32);
    let pid = Pid::from_raw(slots.wait(Slot::Pid)? as i32);
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(Scene {
        pid,
        holder: Some(outside),
        connection: None,
        guard: Box::new((heir, slots)),
    }))
}
