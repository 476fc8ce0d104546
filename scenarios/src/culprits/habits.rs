//! Parents that run normally, and wait wrongly.

use std::convert::Infallible;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, pause};

use crate::guard::Subreaper;
use crate::helpers::{CHILD_LIVES, child, companion, mortal, mortals, orphans, sleep_for_ever};
use crate::slots::{Slot, Slots};
use crate::syscall::checked;

const NOW_AND_THEN: Duration = Duration::from_millis(400);

extern "C" fn noted(_signal: i32) {}

/// A handler by which SIGCHLD interrupts and does nothing else.
fn handle_sigchld() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(noted),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGCHLD, &action) }.context("cannot handle SIGCHLD")?;
    Ok(())
}

fn sigchld() -> SigSet {
    SigSet::from_iter([Signal::SIGCHLD])
}

/// Reaps all zombies, as a parent should.
pub(super) fn take_all() {
    let any = || waitpid(None, Some(WaitPidFlag::WNOHANG));
    while any().is_ok_and(|status| status != WaitStatus::StillAlive) {}
}

/// A correct parent: the reason for not reaping comes from outside, before its children die.
pub(super) fn reaps_well(slots: &Slots) -> Result<Infallible> {
    handle_sigchld()?;
    for _ in 0..3 {
        child(|| slots.wait(Slot::Go).map(drop))?;
    }
    slots.publish_pid();
    loop {
        pause();
        take_all();
    }
}

pub(super) fn never_waits(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
    sleep_for_ever()
}

pub(super) fn blocks_sigchld(slots: &Slots) -> Result<Infallible> {
    handle_sigchld()?;
    sigchld().thread_block().context("cannot block SIGCHLD")?;
    mortals()?;
    slots.publish_pid();
    loop {
        pause();
        take_all();
    }
}

/// Two die at the same time; one signal comes, and one wait follows.
pub(super) fn waits_once_per_signal(slots: &Slots) -> Result<Infallible> {
    handle_sigchld()?;
    slots.publish_pid();
    loop {
        sigchld().thread_block().context("cannot block SIGCHLD")?;
        (0..2).try_for_each(|_| mortal().map(drop))?;
        std::thread::sleep(2 * CHILD_LIVES);
        // Both are dead and one signal is pending, which comes here.
        sigchld()
            .thread_unblock()
            .context("cannot unblock SIGCHLD")?;
        waitpid(None, None).context("cannot wait")?;
        std::thread::sleep(NOW_AND_THEN);
    }
}

pub(super) fn sleeps_in_wait_for_another(slots: &Slots) -> Result<Infallible> {
    let other = companion()?;
    mortals()?;
    slots.publish_pid();
    loop {
        waitpid(other, None).context("cannot wait")?;
    }
}

pub(super) fn waits_for_each_new(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
    loop {
        std::thread::sleep(NOW_AND_THEN);
        waitpid(mortal()?, None).context("cannot wait")?;
    }
}

pub(super) fn polls_for_another(slots: &Slots) -> Result<Infallible> {
    let other = companion()?;
    mortals()?;
    slots.publish_pid();
    loop {
        waitpid(other, Some(WaitPidFlag::WNOHANG)).context("cannot wait")?;
        std::thread::sleep(NOW_AND_THEN);
    }
}

/// Peeks at its zombies, and never reaps them.
pub(super) fn peeks(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    loop {
        waitid(Id::All, look).context("cannot peek")?;
        std::thread::sleep(NOW_AND_THEN);
    }
}

/// Its children send SIGCHLD as usual, and its waits are for others.
pub(super) fn waits_for_clones_only(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    slots.publish_pid();
    loop {
        // There are no such children.
        let _none = waitpid(None, Some(WaitPidFlag::__WCLONE | WaitPidFlag::WNOHANG));
        std::thread::sleep(NOW_AND_THEN);
    }
}

/// Its waits are made by a thread that has no children of its own.
pub(super) fn waits_by_thread(slots: &Slots) -> Result<Infallible> {
    mortals()?;
    std::thread::spawn(|| {
        loop {
            // There are no such children.
            let _none = waitpid(None, Some(WaitPidFlag::__WNOTHREAD | WaitPidFlag::WNOHANG));
            std::thread::sleep(NOW_AND_THEN);
        }
    });
    slots.publish_pid();
    sleep_for_ever()
}

/// Reaps one child, and then reads from a pipe without a writer.
pub(super) fn reads_instead(slots: &Slots) -> Result<Infallible> {
    waitpid(mortal()?, None).context("cannot wait")?;
    mortals()?;
    let (mut nothing, _writer) = std::io::pipe().context("cannot make a pipe")?;
    slots.publish_pid();
    loop {
        nothing.read(&mut [0]).context("cannot read")?;
    }
}

/// Its children send no signal, and its waits, right for others, do not see them.
pub(super) fn clones_without_signal(slots: &Slots) -> Result<Infallible> {
    for _ in 0..3 {
        // SAFETY: without flags and with no stack of its own the child is a fork's child, and
        // this program has one thread.
        let cloned = unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) };
        if checked(cloned, "cannot clone")? == 0 {
            std::thread::sleep(CHILD_LIVES);
            // SAFETY: _exit is what a forked child must leave by.
            unsafe { libc::_exit(0) }
        }
    }
    slots.publish_pid();
    loop {
        take_all();
        std::thread::sleep(NOW_AND_THEN);
    }
}

/// Waits for its first child while the others are dead already.
pub(super) fn waits_for_the_last(slots: &Slots) -> Result<Infallible> {
    let last = child(|| {
        outlive_mortals();
        Ok(())
    })?;
    mortals()?;
    waitpid(last, None).context("cannot wait")?;
    slots.publish_pid();
    sleep_for_ever()
}

/// Lasts until those that were created at about the same time are dead.
fn outlive_mortals() {
    std::thread::sleep(5 * CHILD_LIVES);
}

/// Adopts the zombies of its child, and waits for that child only.
pub(super) fn adopts_the_dead(slots: &Slots) -> Result<Infallible> {
    let _adopter = Subreaper::new()?;
    let forker = child(|| {
        orphans(c"rw-forker")?;
        outlive_mortals();
        Ok(())
    })?;
    waitpid(forker, None).context("cannot wait")?;
    slots.publish_pid();
    sleep_for_ever()
}

/// Adopts the orphans of its child, and waits for that child only.
pub(super) fn adopts(slots: &Slots) -> Result<Infallible> {
    let _adopter = Subreaper::new()?;
    let forker: Pid = child(|| orphans(c"rw-forker"))?;
    waitpid(forker, None).context("cannot wait")?;
    slots.publish_pid();
    sleep_for_ever()
}
