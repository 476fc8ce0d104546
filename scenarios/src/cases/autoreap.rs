//! Children that are never zombies.

use std::ffi::CStr;

use anyhow::Result;

use crate::death::Death;
use crate::guard::Sigchld;
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

fn one(comm: &'static CStr) -> Result<Vec<Truth>> {
    let death = Death::new(comm)?;
    let pid = death.fork(|| 3)?;
    death.see_gone(pid, 3)?;
    let truth = death.truth()?;
    Ok(vec![Truth {
        how: How::Autoreap,
        reaped_at: Some(truth.died_at),
        ..truth
    }])
}
