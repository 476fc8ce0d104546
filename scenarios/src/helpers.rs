//! Processes that help to make a scene. They die with the one that forked them.

use std::ffi::CStr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork};

/// How long after their fork the children of most culprits die.
pub(crate) const CHILD_LIVES: Duration = Duration::from_millis(100);

/// Forks a process that runs `body` and dies with its parent.
pub(crate) fn child(body: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread whenever it forks, so its child may do anything.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let done = prctl::set_pdeathsig(Signal::SIGKILL).context("cannot die with the parent");
            let done = done.and_then(|()| body());
            if let Err(error) = &done {
                eprintln!("scenarios: {error:#}");
            }
            // SAFETY: _exit is what a forked child must leave by.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
    }
}

/// A child that dies soon.
pub(crate) fn mortal() -> Result<Pid> {
    child(|| {
        thread::sleep(CHILD_LIVES);
        Ok(())
    })
}

/// A child that lives as long as its parent.
pub(crate) fn companion() -> Result<Pid> {
    child(sleep_for_ever)
}

/// Three children that die soon.
pub(crate) fn mortals() -> Result<()> {
    (0..3).try_for_each(|_| mortal().map(drop))
}

/// Leaves three orphans that die soon, as a process of this name.
pub(crate) fn orphans(name: &CStr) -> Result<()> {
    prctl::set_name(name).context("cannot take a name")?;
    for _ in 0..3 {
        // SAFETY: this program has one thread; the child sleeps and ends.
        if unsafe { libc::fork() } == 0 {
            thread::sleep(CHILD_LIVES);
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
    }
    Ok(())
}

pub(crate) fn sleep_for_ever<T>() -> Result<T> {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// A helper that is killed when dropped.
pub(crate) struct Helper(pub(crate) Pid);

impl Drop for Helper {
    fn drop(&mut self) {
        // One that has ended meanwhile is reaped with the rest.
        let _gone = kill(self.0, Signal::SIGKILL);
    }
}
