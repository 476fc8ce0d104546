//! One death: forks its victim, watches and reaps it, and returns the truth.

use std::ffi::CStr;
use std::ops::Deref;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, clone};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork};

use crate::clone3::Clone3;
use crate::guard::Children;
use crate::ids::host_ids;
use crate::slots::{STATUS_KNOWN, Slot, Slots};
use crate::truth::{Exit, How, Interval, Killer, Reaper, Resources, SentBy, Truth};

/// Exit code of a helper process whose part of the scenario failed.
pub const FAILED: i32 = 99;

/// The cloned child, and its pidfd if requested.
pub type Cloned = (Pid, Option<OwnedFd>);

/// One death, known to all processes forked after its making.
#[derive(Debug)]
pub struct Death {
    slots: Slots,
    comm: &'static CStr,
}

impl Deref for Death {
    type Target = Slots;

    fn deref(&self) -> &Slots {
        &self.slots
    }
}

impl Death {
    /// A death to come, of a process that will be named `comm`.
    ///
    /// # Errors
    /// If there is no memory to share.
    pub fn new(comm: &'static CStr) -> Result<Self> {
        let slots = Slots::new()?;
        Ok(Self { slots, comm })
    }

    /// `count` of them.
    ///
    /// # Errors
    /// If there is no memory to share.
    pub fn many(comm: &'static CStr, count: usize) -> Result<Vec<Self>> {
        let slots = Slots::many(count)?.into_iter();
        Ok(slots.map(|slots| Self { slots, comm }).collect())
    }

    /// Forks the process that is to die: it takes its name, runs `body`, and exits with the
    /// code that `body` returns.
    ///
    /// # Errors
    /// If fork fails.
    pub fn fork(&self, body: impl FnOnce() -> i32) -> Result<Pid> {
        self.about_to_fork();
        // SAFETY: this program has one thread whenever it forks, so its child may do anything.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Parent { child } => Ok(self.forked(child)),
            ForkResult::Child => self.live(body),
        }
    }

    /// Like [`Death::fork`], for a helper whose `body` may fail.
    ///
    /// # Errors
    /// If fork fails.
    pub fn fork_helper(&self, body: impl FnOnce() -> Result<()>) -> Result<Pid> {
        self.fork(|| {
            let children = Children::of_this_process();
            if body().is_err() {
                return FAILED;
            }
            children.leave();
            0
        })
    }

    /// Like [`Death::fork`], by `clone3`; the child has this process's memory copied, not shared.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn clone3(&self, how: Clone3, body: impl FnOnce() -> i32) -> nix::Result<Cloned> {
        self.about_to_fork();
        match how.call()? {
            (0, _) => self.live(body),
            (child, pidfd) => Ok((self.forked(Pid::from_raw(child)), pidfd)),
        }
    }

    /// Like [`Death::fork`], by vfork: the child borrows this process's memory until it exits,
    /// and this call returns only then.
    ///
    /// # Errors
    /// If fork fails.
    pub fn vfork(&self, code: i32) -> Result<Pid> {
        let mut stack = vec![0; 64 << 10];
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        self.about_to_fork();
        // SAFETY: the child has a stack of its own, which outlives it since this thread sleeps
        // until the child exits; it allocates nothing and leaves by _exit.
        let child = unsafe {
            clone(
                Box::new(|| self.live(|| code)),
                &mut stack,
                flags,
                Some(libc::SIGCHLD),
            )
        };
        Ok(self.forked(child.context("cannot vfork")?))
    }

    /// Its name.
    pub fn comm(&self) -> &'static str {
        self.comm.to_str().unwrap_or_default()
    }

    fn about_to_fork(&self) {
        self.set(Slot::Forker, host_ids().0);
        self.stamp(Slot::ForkBegin);
    }

    fn forked(&self, child: Pid) -> Pid {
        self.stamp(Slot::ForkEnd);
        child
    }

    fn live(&self, body: impl FnOnce() -> i32) -> ! {
        let named = prctl::set_name(self.comm);
        debug_assert!(named.is_ok(), "a process can be named");
        self.publish_pid();
        self.stamp(Slot::Ready);
        let code = body();
        self.stamp(Slot::Ending);
        // SAFETY: _exit is what a forked child must leave by.
        unsafe { libc::_exit(code) }
    }

    /// Sends `signal` to the process that is to die, and records the sender and the time.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.wait(Slot::Ready).map(|_| self.get(Slot::Pid))? as i32);
        self.killing(signal);
        kill(pid, signal).context("cannot send the signal")?;
        self.stamp(Slot::KillEnd);
        Ok(())
    }

    /// Records that this process is about to cause `signal`.
    pub fn killing(&self, signal: Signal) {
        self.set(Slot::Killer, host_ids().0);
        self.set(Slot::Signal, signal as u64);
        self.stamp(Slot::KillBegin);
    }

    /// Records that this thread began to reap.
    pub(crate) fn reaping(&self) {
        let (pid, tid) = host_ids();
        self.set(Slot::Reaper, pid);
        self.set(Slot::ReaperThread, tid);
        self.stamp(Slot::ReapBegin);
    }

    /// All recorded facts as one truth.
    ///
    /// # Errors
    /// If a process of the scenario failed.
    pub fn truth(&self) -> Result<Truth> {
        let ending = [Slot::Ending, Slot::KillBegin, Slot::Ready];
        let ending = ending
            .map(|slot| self.get(slot))
            .into_iter()
            .find(|&at| at != 0);
        let seen = self.get(Slot::Seen);
        ensure!(seen != 0, "the death of {:?} was not seen", self.comm);
        let died_at = Interval {
            not_before_ns: ending.context("it never ran")?,
            not_after_ns: seen,
        };
        let reaped = self.get(Slot::ReapEnd) != 0;
        let exit = exit(self.get(Slot::Status))?;
        let parent = match self.get(Slot::Parent) {
            0 if reaped => self.get(Slot::Reaper),
            0 => self.get(Slot::Forker),
            parent => parent,
        };
        Ok(Truth {
            name: String::new(),
            pid: self.get(Slot::Pid) as u32,
            start: self.interval(Slot::ForkBegin, Slot::ForkEnd),
            comm: self.comm.to_string_lossy().into_owned(),
            parent: parent as u32,
            forker: self.get(Slot::Forker) as u32,
            tracer: Some(self.get(Slot::Tracer) as u32).filter(|&pid| pid != 0),
            held_before: Vec::new(),
            how: if reaped { How::Wait } else { How::Never },
            reaper: reaped.then(|| Reaper {
                pid: self.get(Slot::Reaper) as u32,
                tid: Some(self.get(Slot::ReaperThread) as u32).filter(|&tid| tid != 0),
            }),
            exit,
            killer: self.killer(exit),
            begun_at: died_at,
            died_at,
            reaped_at: reaped.then(|| self.reap_interval()),
            resources: None,
        })
    }

    /// What it used, as returned by the wait4 that reaped it, and as it noted itself in [`Slot::Extra`].
    pub fn resources(&self, threads: u32) -> Resources {
        Resources {
            before_exit_us: self.get(Slot::Extra),
            user_us: self.get(Slot::User).saturating_sub(1),
            system_us: self.get(Slot::System).saturating_sub(1),
            max_rss_bytes: self.get(Slot::MaxRss) << 10,
            threads,
        }
    }

    /// From just before to just after the wait that reaped it.
    pub fn reap_interval(&self) -> Interval {
        self.interval(Slot::ReapBegin, Slot::ReapEnd)
    }

    fn interval(&self, begin: Slot, end: Slot) -> Interval {
        Interval {
            not_before_ns: self.get(begin),
            not_after_ns: self.get(end),
        }
    }

    /// The sender of the signal that it died of; a handled signal kills nothing.
    fn killer(&self, exit: Exit) -> Option<Killer> {
        let (Exit::Killed { signal } | Exit::Dumped { signal }) = exit else {
            return None;
        };
        (self.get(Slot::Signal) == u64::from(signal)).then(|| Killer {
            pid: Some(self.get(Slot::Killer) as u32),
            by: SentBy::Process,
            signal,
            at: self.interval(Slot::KillBegin, Slot::KillEnd),
        })
    }
}

fn exit(status: u64) -> Result<Exit> {
    ensure!(status & STATUS_KNOWN != 0, "its exit status is unknown");
    let status = status as i32;
    let signal = libc::WTERMSIG(status) as u8;
    Ok(match (libc::WIFEXITED(status), libc::WCOREDUMP(status)) {
        (true, _) => Exit::Exited {
            code: libc::WEXITSTATUS(status) as u8,
        },
        (false, false) => Exit::Killed { signal },
        (false, true) => Exit::Dumped { signal },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_the_kernel_writes_it() {
        assert_eq!(
            exit(STATUS_KNOWN | 0x700).unwrap(),
            Exit::Exited { code: 7 }
        );
        assert_eq!(exit(STATUS_KNOWN | 9).unwrap(), Exit::Killed { signal: 9 });
        assert_eq!(
            exit(STATUS_KNOWN | 0x86).unwrap(),
            Exit::Dumped { signal: 6 }
        );
        assert!(exit(0).is_err());
    }
}
