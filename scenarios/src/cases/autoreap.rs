//! Children that are never zombies.

use std::ffi::CStr;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::clone3::{CLONE_AUTOREAP, Clone3};
use crate::death::Death;
use crate::guard::Sigchld;
use crate::lacking::Lacking;
use crate::truth::{How, Truth};

/// The parent ignores SIGCHLD.
///
/// # Errors
/// When the kernel or an actor did not do its part.
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

/// Its clone asked for it; the parent waits as always.
///
/// # Errors
/// As [`ignored`].
pub fn by_clone() -> Result<Vec<Truth>> {
    let how = Clone3 {
        flags: CLONE_AUTOREAP,
        exit_signal: 0,
    };
    let death = Death::new(c"rw-autoreap")?;
    let pid = match death.clone3(how, || 3) {
        Err(Errno::EINVAL) => bail!(Lacking::new("clone3 with CLONE_AUTOREAP", Errno::EINVAL)),
        pid => pid.context("cannot clone")?,
    };
    autoreaped(&death, pid)
}

fn one(comm: &'static CStr) -> Result<Vec<Truth>> {
    let death = Death::new(comm)?;
    let pid = death.fork(|| 3)?;
    autoreaped(&death, pid)
}

fn autoreaped(death: &Death, pid: Pid) -> Result<Vec<Truth>> {
    death.see_gone(pid, 3)?;
    let truth = death.truth()?;
    Ok(vec![Truth {
        how: How::Autoreap,
        reaped_at: Some(truth.died_at),
        ..truth
    }])
}
