//! What lasts as long as its guard: settings of this process, and its children.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use crate::ids::host_ids;

/// How long killed children may take to die; what delays one of them for longer is released by the
/// end of this process.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this process asks the kernel to do about SIGCHLD.
#[derive(Debug)]
pub struct Sigchld {
    before: SigAction,
}

impl Sigchld {
    /// `SIG_IGN`: children are auto-reaped and no signal comes.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn ignore() -> Result<Self> {
        Self::set(SigHandler::SigIgn, SaFlags::empty())
    }

    /// `SIG_DFL`: children stay zombies, whatever this process inherited.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn keep() -> Result<Self> {
        Self::set(SigHandler::SigDfl, SaFlags::empty())
    }

    /// `SA_NOCLDWAIT`: children are auto-reaped though the signal comes.
    ///
    /// # Errors
    /// If the kernel refuses.
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
    /// If the kernel refuses.
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
    /// If the kernel refuses.
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

/// Kills the remaining children of this process when its part of a scenario fails: they wait
/// for what will not come, and a reader of this program's output waits for them.
#[derive(Debug)]
pub struct Children(());

impl Children {
    /// From now on.
    pub fn of_this_process() -> Self {
        Self(())
    }

    /// Nothing failed: they stay as they are.
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        // In a PID namespace of its own this process cannot name them; the end of that
        // namespace's init kills them.
        if host_ids().0 != getpid().as_raw() as u64 {
            return;
        }
        // Children of killed processes are adopted here.
        let _not_theirs = Subreaper::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            for child in children() {
                // It may have died meanwhile, but no other process reaps it.
                let _dead = kill(child, Signal::SIGKILL);
            }
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Err(Errno::ECHILD) => return,
                Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(1)),
                _ => {}
            }
        }
    }
}

/// Dead ones too.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // State and parent follow the name, which may hold anything.
        let parent = stat.rsplit(") ").next().and_then(|it| it.split(' ').nth(1));
        parent == Some(own.as_str())
    };
    pids.filter(is_ours).map(Pid::from_raw).collect()
}
