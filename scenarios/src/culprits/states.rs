//! Parents that are kept from reaping, or that hold zombies of others.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, clone};
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::time::{ClockId, clock_gettime};

use super::habits::take_all;
use crate::helpers::{child, mortals, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// CPU time that [`spins`] needs before it reaps.
const WORK: Duration = Duration::from_secs(2);

/// A correct parent; one of its children traces another beyond that one's death.
pub(super) fn traces(slots: &Slots) -> Result<Infallible> {
    let traced = child(|| {
        slots.wait(Slot::Go)?;
        Ok(())
    })?;
    child(|| {
        ptrace::seize(traced, Options::empty()).context("cannot trace")?;
        slots.stamp(Slot::Go);
        slots.publish_pid();
        sleep_for_ever()
    })?;
    while waitpid(None, None).is_ok() {}
    sleep_for_ever()
}

/// Sleeps uninterruptibly until a vforked child ends or execs, and would reap then.
pub(super) fn sleeps_in_vfork(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
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

/// Reaps its dead children after some work, for which it needs a CPU.
pub(super) fn spins(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
    slots.wait(Slot::Go)?;
    let done = cpu_time()? + WORK;
    while cpu_time()? < done {
        std::hint::spin_loop();
    }
    take_all();
    sleep_for_ever()
}

/// CPU time that this process has used so far.
fn cpu_time() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    time.map(Duration::from).context("cannot read the CPU time")
}
