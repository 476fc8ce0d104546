//! Settings of this process that last as long as their guard.

use anyhow::{Context, Result};
use nix::sys::prctl;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What this process asks the kernel to do about SIGCHLD.
#[derive(Debug)]
pub struct Sigchld {
    before: SigAction,
}

impl Sigchld {
    /// `SIG_IGN`: children are auto-reaped and no signal comes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn ignore() -> Result<Self> {
        Self::set(SigHandler::SigIgn, SaFlags::empty())
    }

    /// `SA_NOCLDWAIT`: children are auto-reaped though the signal comes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn no_zombies() -> Result<Self> {
        Self::set(SigHandler::SigDfl, SaFlags::SA_NOCLDWAIT)
    }

    fn set(handler: SigHandler, flags: SaFlags) -> Result<Self> {
        let action = SigAction::new(handler, flags, SigSet::empty());
        // SAFETY: no handler function is installed, only a disposition.
        let before = unsafe { sigaction(Signal::SIGCHLD, &action) };
        Ok(Self {
            before: before.context("cannot set the disposition of SIGCHLD")?,
        })
    }
}

impl Drop for Sigchld {
    fn drop(&mut self) {
        // SAFETY: what was installed before is valid still.
        let restored = unsafe { sigaction(Signal::SIGCHLD, &self.before) };
        debug_assert!(restored.is_ok(), "SIGCHLD can be set");
    }
}

/// This process adopts the orphans among its descendants.
#[derive(Debug)]
pub struct Subreaper(());

impl Subreaper {
    /// From now on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new() -> Result<Self> {
        prctl::set_child_subreaper(true).context("cannot become a subreaper")?;
        Ok(Self(()))
    }
}

impl Drop for Subreaper {
    fn drop(&mut self) {
        let ended = prctl::set_child_subreaper(false);
        debug_assert!(ended.is_ok(), "a process can stop to be a subreaper");
    }
}
