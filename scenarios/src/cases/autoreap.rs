//! Children that are never zombies.

use std::ffi::CStr;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::fatal::sleep_for_ever;
use crate::clone3::{CLONE_AUTOREAP, CLONE_NNP, CLONE_PIDFD_AUTOKILL, Clone3};
use crate::death::{Cloned, Death};
use crate::guard::Sigchld;
use crate::lacking::Lacking;
use crate::slots::{STATUS_KNOWN, Slot};
use crate::truth::{How, SentBy, Truth};

/// The parent ignores SIGCHLD.
///
/// # Errors
/// If a system call or a helper process fails.
pub fn ignored() -> Result<Vec<Truth>> {
    let _guard = Sigchld::ignore()?;
    one(c"rw-ignored")
}

/// The parent has `SA_NOCLDWAIT`.
///
/// # Errors
/// As [`ignored`].
pub fn no_zombies() -> Result<Vec<Truth>> {
    let _guard = Sigchld::no_zombies()?;
    one(c"rw-nocldwait")
}

/// Its clone asked for it; the parent waits as usual.
///
/// # Errors
/// As [`ignored`].
pub fn by_clone() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-autoreap")?;
    let (pid, _) = clone(&death, CLONE_AUTOREAP, || 3)?;
    death.see_gone(pid, 3)?;
    autoreaped(&death)
}

/// Its pidfd is closed, which kills it; and auto-reaped, since only such a child can be asked for.
///
/// # Errors
/// As [`ignored`].
pub fn by_pidfd() -> Result<Vec<Truth>> {
    let flags = libc::CLONE_PIDFD as u64 | CLONE_PIDFD_AUTOKILL | CLONE_NNP | CLONE_AUTOREAP;
    let death = Death::new(c"rw-autokill")?;
    let (pid, pidfd) = clone(&death, flags, sleep_for_ever)?;
    death.wait(Slot::Ready)?;
    death.killing(Signal::SIGKILL);
    drop(pidfd.context("it was asked for")?);
    death.stamp(Slot::KillEnd);
    death.see_gone(pid, 0)?;
    death.set(Slot::Status, STATUS_KNOWN | libc::SIGKILL as u64);
    let truths = autoreaped(&death)?;
    // The kernel does not report which process closed it.
    let by_kernel = truths
        .into_iter()
        .map(|truth| truth.sent_by(SentBy::Kernel));
    Ok(by_kernel.collect())
}

fn clone(death: &Death, flags: u64, body: fn() -> i32) -> Result<Cloned> {
    let exit_signal = 0;
    match death.clone3(Clone3 { flags, exit_signal }, body) {
        Err(Errno::EINVAL) => bail!(Lacking::new("clone3 with these flags", Errno::EINVAL)),
        child => child.context("cannot clone"),
    }
}

fn one(comm: &'static CStr) -> Result<Vec<Truth>> {
    let death = Death::new(comm)?;
    let pid = death.fork(|| 3)?;
    death.see_gone(pid, 3)?;
    autoreaped(&death)
}

fn autoreaped(death: &Death) -> Result<Vec<Truth>> {
    let truth = death.truth()?;
    Ok(vec![Truth {
        how: How::Autoreap,
        reaped_at: Some(truth.died_at),
        ..truth
    }])
}
