//! Settings of this process that last as long as their guard.

use std::fs;

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

    /// `SIG_DFL`: children stay zombies, whatever this process inherited.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn keep() -> Result<Self> {
        Self::set(SigHandler::SigDfl, SaFlags::empty())
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

/// Where the kernel puts core dumps: a setting of the whole machine.
#[derive(Debug)]
pub struct CorePattern {
    before: Vec<u8>,
}

impl CorePattern {
    const FILE: &str = "/proc/sys/kernel/core_pattern";

    /// As core(5) describes it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(pattern: &str) -> Result<Self> {
        let before = fs::read(Self::FILE).context("cannot read core_pattern")?;
        fs::write(Self::FILE, pattern).context("cannot set core_pattern")?;
        Ok(Self { before })
    }
}

impl Drop for CorePattern {
    fn drop(&mut self) {
        let restored = fs::write(Self::FILE, &self.before);
        debug_assert!(restored.is_ok(), "what was set can be set back");
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
