//! Parents that cannot do what they would, or that hold what is not theirs.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, clone};
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::{child, mortals, sleep_for_ever, tell};
use crate::slots::{Slot, Slots};

/// Traces the child of a good parent until after its death.
pub(super) fn traces(slots: &Slots) -> Result<Infallible> {
    child(|| {
        let traced = child(|| {
            slots.wait(Slot::Go)?;
            Ok(())
        })?;
        slots.set(Slot::Extra, traced.as_raw() as u64);
        loop {
            waitpid(traced, None).context("cannot wait")?;
        }
    })?;
    let traced = Pid::from_raw(slots.wait(Slot::Extra)? as i32);
    ptrace::seize(traced, Options::empty()).context("cannot trace")?;
    slots.stamp(Slot::Go);
    tell(slots);
    sleep_for_ever()
}

/// Sleeps uninterruptibly as long as a vforked child neither ends nor execs, and would reap then.
pub(super) fn sleeps_in_vfork(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    tell(slots);
    let mut stack = vec![0; 64 << 10];
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // SAFETY: the child has a stack of its own, which outlives it since this thread sleeps until
    // the child ends; it only sleeps.
    let child = unsafe {
        clone(
            Box::new(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                loop {
                    libc::sleep(3600);
                }
            }),
            &mut stack,
            flags,
            Some(libc::SIGCHLD),
        )
    };
    child.context("cannot vfork")?;
    loop {
        if waitpid(None, Some(WaitPidFlag::__WALL)).is_err() {
            return sleep_for_ever();
        }
    }
}

/// Looks for dead children only after much work, for which it needs a CPU.
pub(super) fn spins(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    tell(slots);
    std::thread::sleep(Duration::from_millis(500));
    loop {
        for _ in 0..10_000_000_000_u64 {
            std::hint::spin_loop();
        }
        waitpid(None, Some(WaitPidFlag::WNOHANG)).context("cannot wait")?;
    }
}
