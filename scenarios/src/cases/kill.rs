//! Fatal signals from all sources: processes, and the kernel for many reasons.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::pty::openpty;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, pthread_sigmask};
use nix::unistd::{Pid, pipe, setpgid, setsid, write};

use super::fatal::{by_default, sleep_for_ever};
use crate::cgroup::Cgroup;
use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::guard::Subreaper;
use crate::slots::Slot;
use crate::truth::{SentBy, Truth};
use crate::wait::{By, pidfd};

const ZOMBIE_FOR: Duration = Duration::from_millis(5);
/// How long a signal stays blocked, and the time until an alarm.
const WHILE: Duration = Duration::from_millis(20);
/// `VINTR` of a new terminal.
const CTRL_C: &[u8] = b"\x03";

/// ^C at the terminal of its session.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn terminal() -> Result<Vec<Truth>> {
    let pty = openpty(None, None).context("cannot make a terminal")?;
    let death = Death::new(c"rw-terminal")?;
    let pid = death.fork(|| {
        let leads = setsid().is_ok();
        // SAFETY: the descriptor is a terminal's, and the call touches no memory.
        let controls = unsafe { libc::ioctl(pty.slave.as_raw_fd(), libc::TIOCSCTTY, 0) } == 0;
        if !leads || !controls || by_default(Signal::SIGINT).is_err() {
            return FAILED;
        }
        death.stamp(Slot::Extra);
        sleep_for_ever()
    })?;
    death.wait(Slot::Extra)?;
    death.killing(Signal::SIGINT);
    write(&pty.master, CTRL_C).context("cannot type ^C")?;
    reaped(&death, pid, SentBy::Terminal)
}

/// Three processes of one group, killed by one call.
///
/// # Errors
/// As [`terminal`].
pub fn group() -> Result<Vec<Truth>> {
    let comms = [c"rw-group-1", c"rw-group-2", c"rw-group-3"];
    let deaths = comms.map(Death::new);
    let mut members: Vec<(Death, Pid)> = Vec::new();
    for death in deaths {
        let death = death?;
        let pid = death.fork(sleep_for_ever)?;
        let leader = members.first().map_or(pid, |(_, leader)| *leader);
        setpgid(pid, leader).context("cannot join the group")?;
        death.wait(Slot::Ready)?;
        members.push((death, pid));
    }
    let leader = members[0].1;
    for (death, _) in &members {
        death.killing(Signal::SIGTERM);
    }
    let sent = kill(Pid::from_raw(-leader.as_raw()), Signal::SIGTERM);
    for (death, _) in &members {
        death.stamp(Slot::KillEnd);
    }
    sent.context("cannot kill the group")?;
    each(&members)
}

/// Two processes of a cgroup, killed by a write to its `cgroup.kill`.
///
/// # Errors
/// As [`terminal`].
pub fn cgroup() -> Result<Vec<Truth>> {
    let first = Death::new(c"rw-cgkill-1")?;
    let second = Death::new(c"rw-cgkill-2")?;
    let members = [first, second].map(|death| {
        let pid = death.fork(sleep_for_ever)?;
        death.wait(Slot::Ready)?;
        anyhow::Ok((death, pid))
    });
    let members = members.into_iter().collect::<Result<Vec<_>>>()?;
    let cgroup = Cgroup::plain(members[0].1)?;
    cgroup.add(members[1].1)?;
    for (death, _) in &members {
        death.killing(Signal::SIGKILL);
    }
    let sent = cgroup.kill();
    if sent.is_err() {
        // A reader of this program's output waits for them too.
        for (_, pid) in &members {
            kill(*pid, Signal::SIGKILL).context("cannot end a member")?;
        }
    }
    for (death, _) in &members {
        death.stamp(Slot::KillEnd);
    }
    sent?;
    each(&members)
}

/// Exceeds the memory limit of its cgroup.
///
/// # Errors
/// As [`terminal`].
pub fn oom() -> Result<Vec<Truth>> {
    const LIMIT: usize = 32 << 20;
    let death = Death::new(c"rw-oom")?;
    let pid = death.fork(|| {
        if death.wait(Slot::Go).is_err() {
            return FAILED;
        }
        let memory = vec![1_u8; 4 * LIMIT];
        std::hint::black_box(&memory);
        FAILED
    })?;
    let cgroup = Cgroup::limited(pid, LIMIT)?;
    death.wait(Slot::Ready)?;
    death.killing(Signal::SIGKILL);
    death.stamp(Slot::Go);
    let truths = reaped(&death, pid, SentBy::Oom);
    drop(cgroup);
    truths
}

/// SIGTERM while it is blocked: it kills 20 ms after it was sent.
///
/// # Errors
/// As [`terminal`].
pub fn blocked() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-blocked")?;
    let pid = death.fork(|| {
        if mask(SigmaskHow::SIG_BLOCK).is_err() {
            return FAILED;
        }
        death.stamp(Slot::Extra);
        if death.wait(Slot::Go).is_ok() {
            let _survived = mask(SigmaskHow::SIG_UNBLOCK);
        }
        FAILED
    })?;
    death.wait(Slot::Extra)?;
    death.kill(Signal::SIGTERM)?;
    pause(WHILE);
    death.stamp(Slot::Ending);
    death.stamp(Slot::Go);
    reaped(&death, pid, SentBy::Process)
}

/// SIGTERM from this process while it is blocked, then SIGKILL from another.
///
/// # Errors
/// As [`terminal`].
pub fn term_then_kill() -> Result<Vec<Truth>> {
    let victim = Death::new(c"rw-term-kill")?;
    let killer = Death::new(c"rw-killer")?;
    let pid = victim.fork(|| {
        if mask(SigmaskHow::SIG_BLOCK).is_err() {
            return FAILED;
        }
        victim.stamp(Slot::Extra);
        sleep_for_ever()
    })?;
    victim.wait(Slot::Extra)?;
    kill(pid, Signal::SIGTERM).context("cannot send SIGTERM")?;
    pause(ZOMBIE_FOR);
    let killer_pid = killer.fork_helper(|| victim.kill(Signal::SIGKILL))?;
    killer.see(killer_pid)?;
    killer.reap(killer_pid, By::Wait4)?;
    let mut truths = reaped(&victim, pid, SentBy::Process)?;
    truths.push(killer.truth()?);
    Ok(truths)
}

/// SIGKILL, and SIGTERM at once after it.
///
/// # Errors
/// As [`terminal`].
pub fn kill_then_term() -> Result<Vec<Truth>> {
    let victim = Death::new(c"rw-kill-term")?;
    let killer = Death::new(c"rw-killer")?;
    let pid = victim.fork(sleep_for_ever)?;
    victim.wait(Slot::Ready)?;
    let killer_pid = killer.fork_helper(|| {
        victim.kill(Signal::SIGKILL)?;
        // It is dead by now, or not.
        kill(pid, Signal::SIGTERM).context("cannot send SIGTERM")
    })?;
    killer.see(killer_pid)?;
    killer.reap(killer_pid, By::Wait4)?;
    let mut truths = reaped(&victim, pid, SentBy::Process)?;
    truths.push(killer.truth()?);
    Ok(truths)
}

/// SIGALRM of `setitimer`.
///
/// # Errors
/// As [`terminal`].
pub fn alarm() -> Result<Vec<Truth>> {
    by_itself(c"rw-alarm", Signal::SIGALRM, SentBy::Timer, || {
        let time = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 0,
                tv_usec: WHILE.as_micros() as i64,
            },
        };
        // SAFETY: the new time is there, and the old one may be NULL.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const time, ptr::null_mut()) };
        sleep_for_ever();
    })
}

/// SIGTERM of a POSIX timer.
///
/// # Errors
/// As [`terminal`].
pub fn timer() -> Result<Vec<Truth>> {
    by_itself(c"rw-timer", Signal::SIGTERM, SentBy::Timer, || {
        // SAFETY: zeroes are a sigevent, an itimerspec and a timer's id; all three outlive the
        // calls that read and write them.
        unsafe {
            let mut event = MaybeUninit::<libc::sigevent>::zeroed().assume_init();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = libc::SIGTERM;
            let mut timer = MaybeUninit::<libc::timer_t>::zeroed().assume_init();
            let made = libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer);
            let mut time = MaybeUninit::<libc::itimerspec>::zeroed().assume_init();
            time.it_value.tv_nsec = WHILE.as_nanos() as i64;
            if made == 0 {
                libc::timer_settime(timer, 0, &raw const time, ptr::null_mut());
            }
        }
        sleep_for_ever();
    })
}

/// Reads an address that it must not read.
///
/// # Errors
/// As [`terminal`].
pub fn fault() -> Result<Vec<Truth>> {
    by_itself(c"rw-fault", Signal::SIGSEGV, SentBy::Kernel, || {
        let page = std::num::NonZeroUsize::MIN;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other; reading
        // it is the fault that this process shall die of.
        unsafe {
            if let Ok(page) =
                mmap_anonymous(None, page, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE)
            {
                page.cast::<u8>().read_volatile();
            }
        }
    })
}

/// Writes to a pipe without a reader.
///
/// # Errors
/// As [`terminal`].
pub fn broken_pipe() -> Result<Vec<Truth>> {
    let (read, into) = pipe().context("cannot make a pipe")?;
    drop(read);
    by_itself(c"rw-pipe", Signal::SIGPIPE, SentBy::Kernel, || {
        let _survived = write(&into, b"!");
    })
}

/// Asked for SIGTERM at its parent's death.
///
/// # Errors
/// As [`terminal`].
pub fn parent_death() -> Result<Vec<Truth>> {
    let _guard = Subreaper::new()?;
    let (parent, orphan) = (Death::new(c"rw-pdeath-par")?, Death::new(c"rw-pdeath")?);
    let parent_pid = parent.fork_helper(|| {
        orphan.fork(|| {
            if prctl::set_pdeathsig(Signal::SIGTERM).is_err() {
                return FAILED;
            }
            orphan.stamp(Slot::Extra);
            sleep_for_ever()
        })?;
        orphan.wait(Slot::Extra)?;
        orphan.killing(Signal::SIGTERM);
        Ok(())
    })?;
    parent.see(parent_pid)?;
    parent.reap(parent_pid, By::Wait4)?;
    let pid = Pid::from_raw(orphan.get(Slot::Pid) as i32);
    let mut truths = reaped(&orphan, pid, SentBy::ParentDeath)?;
    truths.push(parent.truth()?);
    Ok(truths)
}

/// SIGTERM by `pidfd_send_signal`.
///
/// # Errors
/// As [`terminal`].
pub fn by_pidfd() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-pidfd")?;
    let pid = death.fork(sleep_for_ever)?;
    let fd = pidfd(pid)?;
    death.wait(Slot::Ready)?;
    death.killing(Signal::SIGTERM);
    // SAFETY: the kernel allows NULL for the siginfo.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            fd.as_raw_fd(),
            libc::SIGTERM,
            ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    death.stamp(Slot::KillEnd);
    Errno::result(sent).context("cannot send by pidfd")?;
    reaped(&death, pid, SentBy::Process)
}

/// A death caused by the process itself, without a killer.
fn by_itself(
    comm: &'static CStr,
    signal: Signal,
    by: SentBy,
    act: impl FnOnce(),
) -> Result<Vec<Truth>> {
    let death = Death::new(comm)?;
    let pid = death.fork(|| {
        if by_default(signal).is_err() || setrlimit(Resource::RLIMIT_CORE, 0, 0).is_err() {
            return FAILED;
        }
        death.killing(signal);
        act();
        FAILED
    })?;
    reaped(&death, pid, by)
}

fn each(members: &[(Death, Pid)]) -> Result<Vec<Truth>> {
    let mut truths = Vec::new();
    for (death, pid) in members {
        truths.append(&mut reaped(death, *pid, SentBy::Process)?);
    }
    Ok(truths)
}

/// Waits until it is killed by the intended signal, and reaps it.
fn reaped(death: &Death, pid: Pid, by: SentBy) -> Result<Vec<Truth>> {
    death.see(pid)?;
    if death.get(Slot::KillEnd) == 0 {
        // The time of the signal is unknown, but it was before the death.
        death.set(Slot::KillEnd, death.get(Slot::Seen));
    }
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    let truth = death.truth()?;
    ensure!(truth.killer.is_some(), "it did not die of it: {truth:?}");
    Ok(vec![truth.sent_by(by)])
}

fn mask(how: SigmaskHow) -> nix::Result<()> {
    pthread_sigmask(how, Some(&SigSet::from(Signal::SIGTERM)), None)
}
