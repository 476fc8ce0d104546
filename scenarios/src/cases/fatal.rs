//! Signals, sent by another process or by the process itself, fatal or handled.

use std::env::set_current_dir;
use std::ffi::CStr;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pause as sleep_until_signal;
use tempfile::tempdir;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::slots::Slot;
use crate::truth::Truth;
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(5);

/// Killed by SIGKILL.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn sigkill() -> Result<Vec<Truth>> {
    by_another(c"rw-sigkill", Signal::SIGKILL, sleep_for_ever)
}

/// Killed by SIGTERM.
///
/// # Errors
/// As [`sigkill`].
pub fn sigterm() -> Result<Vec<Truth>> {
    by_another(c"rw-sigterm", Signal::SIGTERM, sleep_for_ever)
}

/// Sent SIGTERM, handles it and exits by itself.
///
/// # Errors
/// As [`sigkill`].
pub fn handled() -> Result<Vec<Truth>> {
    let set_handler = || {
        let action = SigAction::new(
            SigHandler::Handler(do_nothing),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: the handler does nothing at all.
        unsafe { sigaction(Signal::SIGTERM, &action) }
    };
    // Set before the fork: the child must not be hit between its start and its `sigaction`.
    let before = set_handler().context("cannot handle SIGTERM")?;
    let truths = by_another(c"rw-handled", Signal::SIGTERM, || {
        sleep_until_signal();
        3
    });
    // SAFETY: what was installed before is valid still.
    unsafe { sigaction(Signal::SIGTERM, &before) }.context("cannot restore SIGTERM")?;
    truths
}

/// Restores the default action of `signal`, whatever this program inherited or Rust has set.
pub(super) fn by_default(signal: Signal) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler function is installed, only a disposition.
    unsafe { sigaction(signal, &action) }.map(drop)
}

extern "C" fn do_nothing(_: i32) {}

/// Aborts; RLIMIT_CORE is 0.
///
/// # Errors
/// As [`sigkill`].
pub fn aborted() -> Result<Vec<Truth>> {
    abort(c"rw-aborted", 0)
}

/// Aborts with a core dump into a folder that is removed again. Where the kernel's core pattern
/// or a hard limit prevents the dump, the truth is that it was only killed.
///
/// # Errors
/// As [`sigkill`].
pub fn dumped() -> Result<Vec<Truth>> {
    dump(c"rw-dumped")
}

/// Aborts with a core dump, wherever the kernel writes it.
///
/// # Errors
/// As [`sigkill`].
pub fn dump(comm: &'static CStr) -> Result<Vec<Truth>> {
    abort(comm, 64 << 20)
}

fn abort(comm: &'static CStr, core_bytes: u64) -> Result<Vec<Truth>> {
    let folder = tempdir()?;
    let death = Death::new(comm)?;
    let pid = death.fork(|| {
        if set_current_dir(folder.path()).is_err()
            || setrlimit(Resource::RLIMIT_CORE, core_bytes, core_bytes).is_err()
        {
            return FAILED;
        }
        drop(death.kill(Signal::SIGABRT));
        FAILED
    })?;
    death.see(pid)?;
    // The sender died of its own signal and could not record when the call returned.
    death.set(Slot::KillEnd, death.get(Slot::Seen));
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    Ok(vec![death.truth()?])
}

/// Both deaths: of the victim, and of its killer, which exits by itself.
fn by_another(
    comm: &'static CStr,
    signal: Signal,
    body: impl FnOnce() -> i32,
) -> Result<Vec<Truth>> {
    let victim = Death::new(comm)?;
    let killer = Death::new(c"rw-killer")?;
    let victim_pid = victim.fork(body)?;
    let killer_pid = killer.fork_helper(|| {
        victim.wait(Slot::Ready)?;
        pause(ZOMBIE_FOR);
        victim.kill(signal)
    })?;
    victim.see(victim_pid)?;
    killer.see(killer_pid)?;
    pause(ZOMBIE_FOR);
    victim.reap(victim_pid, By::Wait4)?;
    killer.reap(killer_pid, By::Wait4)?;
    Ok(vec![victim.truth()?, killer.truth()?])
}

/// Sleeps until a signal ends the process.
pub fn sleep_for_ever() -> i32 {
    loop {
        sleep_until_signal();
    }
}
