//! Peeking at zombies, and reaping them, by every system call for that.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use crate::clock::pause;
use crate::death::Death;
use crate::slots::{STATUS_KNOWN, Slot};
use crate::syscall::retry;

/// How often, and how many times, to check whether a process is where it should be.
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOOKS: u32 = 10_000;

/// A call that reaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `wait4` of this child, with its rusage.
    Wait4,
    /// `wait4(-1)`: whichever child is dead; the scenario must have but one.
    Wait4Any,
    /// `wait4` with `__WCLONE`.
    Wait4Clone,
    /// `waitid` with `P_PID`.
    Waitid,
    /// `waitid` of a traced thread.
    WaitidThread,
    /// `waitid` with `P_PIDFD`.
    WaitidPidfd,
    /// `waitid` with `P_ALL`; the scenario must have but one child.
    WaitidAll,
    /// `waitid` with a NULL `infop`: the kernel does not return the PID.
    WaitidNull,
}

impl Death {
    /// Sleeps until `pid` is dead, leaves it a zombie, and records when and how it died.
    ///
    /// # Errors
    /// If there is no such child.
    pub fn see(&self, pid: Pid) -> Result<()> {
        self.see_with(pid, 0)
    }

    /// Like [`Death::see`], with more wait flags such as `__WCLONE`.
    ///
    /// # Errors
    /// If there is no such child.
    pub fn see_with(&self, pid: Pid, flags: i32) -> Result<()> {
        let flags = libc::WEXITED | libc::WNOWAIT | flags;
        let info = waitid(libc::P_PID, pid.as_raw(), flags).context("cannot see the death")?;
        self.stamp(Slot::Seen);
        self.set(Slot::Status, u64::from(status(&info)) | STATUS_KNOWN);
        Ok(())
    }

    /// Sleeps until `pid`, which is auto-reaped, is gone; `code` is its intended exit code.
    ///
    /// # Errors
    /// If it became a zombie instead.
    pub fn see_gone(&self, pid: Pid, code: u8) -> Result<()> {
        // It may have been cloned without a signal.
        let flags = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
        match waitid(libc::P_PID, pid.as_raw(), flags) {
            Ok(_) => bail!("{pid} was not auto-reaped"),
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {
                self.stamp(Slot::Seen);
                self.set(Slot::Status, u64::from(code) << 8 | STATUS_KNOWN);
                Ok(())
            }
            Err(error) => Err(error).context("cannot wait for an auto-reaped child"),
        }
    }

    /// Reaps the zombie `pid`, and records the reaper and the time.
    ///
    /// # Errors
    /// If there is no such child.
    pub fn reap(&self, pid: Pid, by: By) -> Result<()> {
        let pidfd = if by == By::WaitidPidfd {
            Some(pidfd(pid)?)
        } else {
            None
        };
        self.reaping();
        let reaped = match by {
            By::Wait4 => self.wait4(pid.as_raw(), 0),
            By::Wait4Any => self.wait4(-1, 0),
            By::Wait4Clone => self.wait4(pid.as_raw(), libc::__WCLONE),
            By::Waitid => waitid(libc::P_PID, pid.as_raw(), libc::WEXITED).map(drop),
            By::WaitidThread => {
                let flags = libc::WEXITED | libc::__WALL;
                waitid(libc::P_PID, pid.as_raw(), flags).map(drop)
            }
            By::WaitidPidfd => {
                let fd = pidfd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
                waitid(libc::P_PIDFD, fd, libc::WEXITED).map(drop)
            }
            By::WaitidAll => waitid(libc::P_ALL, 0, libc::WEXITED).map(drop),
            By::WaitidNull => waitid_null(pid),
        };
        self.stamp(Slot::ReapEnd);
        reaped.with_context(|| format!("cannot reap {pid} by {by:?}"))
    }

    fn wait4(&self, pid: i32, flags: i32) -> std::io::Result<()> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        retry(|| {
            // SAFETY: NULL for the status is allowed, and `usage` is a rusage to be written.
            let taken = unsafe { libc::wait4(pid, ptr::null_mut(), flags, usage.as_mut_ptr()) };
            i64::from(taken)
        })?;
        // SAFETY: zeroes are a rusage, and the kernel wrote one over them.
        let usage = unsafe { usage.assume_init() };
        self.set(Slot::User, microseconds(usage.ru_utime) + 1);
        self.set(Slot::System, microseconds(usage.ru_stime) + 1);
        self.set(Slot::MaxRss, usage.ru_maxrss as u64);
        Ok(())
    }
}

/// A pidfd of `pid`.
///
/// # Errors
/// If there is no such process.
pub fn pidfd(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: the call touches no memory.
    let fd = retry(|| unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })
        .context("cannot open a pidfd")?;
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Waits until the first thread of a process has ended, whatever its others do: its state is
/// `Z` from then on.
///
/// # Errors
/// If it does not end.
pub fn leader_ended(pid: Pid) -> Result<()> {
    let stat = format!("/proc/{pid}/stat");
    for _ in 0..LOOKS {
        if fs::read_to_string(&stat)
            .context("it is gone")?
            .contains(") Z ")
        {
            return Ok(());
        }
        pause(LOOK_EVERY);
    }
    bail!("its first thread does not end")
}

fn waitid(kind: libc::idtype_t, id: i32, flags: i32) -> std::io::Result<libc::siginfo_t> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is a siginfo_t to be written.
    retry(|| i64::from(unsafe { libc::waitid(kind, id as u32, info.as_mut_ptr(), flags) }))?;
    // SAFETY: zeroes are a siginfo_t, and the kernel wrote one over them.
    Ok(unsafe { info.assume_init() })
}

fn waitid_null(pid: Pid) -> std::io::Result<()> {
    // SAFETY: the kernel allows NULL for both the siginfo_t and the rusage.
    retry(|| unsafe {
        let null = ptr::null_mut::<libc::c_void>();
        libc::syscall(
            libc::SYS_waitid,
            libc::P_PID,
            pid.as_raw(),
            null,
            libc::WEXITED,
            null,
        )
    })
    .map(drop)
}

/// The wait status that is equivalent to `info`.
fn status(info: &libc::siginfo_t) -> u32 {
    // SAFETY: waitid filled in the fields of a SIGCHLD.
    let value = unsafe { info.si_status() } as u32;
    match info.si_code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_DUMPED => value | 0x80,
        _ => value,
    }
}

fn microseconds(time: libc::timeval) -> u64 {
    time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64
}
