//! Processes that stay in a state until stdin closes.

use std::io::Read;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cases::threads::{exit_thread, sleep_for_ever};
use crate::cgroup::Cgroup;
use crate::clock::pause;
use crate::guard::Subreaper;
use crate::helpers::child;
use crate::slots::{Slot, Slots};
use crate::syscall::checked;
use crate::wait::{leader_ended, pidfd};

/// Threads that outlive the first one.
pub const THREADS: u32 = 3;
/// Pidfds of reaped processes that `dead_pidfds` holds.
pub const DEAD_PIDFDS: u64 = 40;
/// How many PIDs the cgroup of `filled` may have.
pub const LIMIT: u64 = 2_000;
/// How fast they are taken: the cgroup is full after 100 s at the earliest.
const FILL_EVERY: Duration = Duration::from_millis(50);
/// Time between the lives of two processes with one PID.
const APART: Duration = Duration::from_millis(60);

/// A process that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// In which state.
    pub name: String,
    /// Which process.
    pub pid: u32,
    /// Path of the cgroup of its own, of `filled`.
    pub cgroup: Option<String>,
}

/// Makes one, calls `ready`, keeps it until `until` ends, and cleans up.
///
/// # Errors
/// If there is no such state, or a system call fails.
pub fn keep(
    name: &str,
    ready: impl FnOnce(&Stay) -> Result<()>,
    mut until: impl Read,
) -> Result<()> {
    let _all_come_back_here = Subreaper::new()?;
    let slots = Slots::new()?;
    let (pid, cgroup) = match name {
        "leader_exited" => (leader_exited()?, None),
        "exiting" => (exiting(&slots)?, None),
        "dead_pidfds" => (dead_pidfds(&slots)?, None),
        "reused" => (reused()?, None),
        "filled" => filled(&slots)?,
        _ => bail!("no state `{name}`"),
    };
    ready(&Stay {
        name: name.to_owned(),
        pid: pid.as_raw() as u32,
        cgroup: cgroup.as_ref().map(Cgroup::path),
    })?;
    until.read_to_end(&mut Vec::new()).context("cannot wait")?;
    drop(cgroup);
    // Only this state keeps a killed process from dying, and the kernel ends it.
    if name == "exiting" {
        ptrace::detach(pid, None).context("cannot detach from it")?;
    } else {
        kill(pid, Signal::SIGKILL).context("cannot end it")?;
    }
    while waitpid(None, None) != Err(Errno::ECHILD) {}
    Ok(())
}

/// A process that lives on in threads after its first one has ended.
fn leader_exited() -> Result<Pid> {
    let pid = child(|| {
        for _ in 0..THREADS {
            thread::spawn(|| {
                // The parent death signal is set for each thread.
                let _ends_anyway = prctl::set_pdeathsig(Signal::SIGKILL);
                sleep_for_ever();
            });
        }
        exit_thread(0)
    })?;
    leader_ended(pid)?;
    Ok(pid)
}

/// A process that called exit and is stopped by its tracer before it is dead.
fn exiting(slots: &Slots) -> Result<Pid> {
    let pid = child(|| slots.wait(Slot::Go).map(drop))?;
    ptrace::seize(pid, Options::PTRACE_O_TRACEEXIT).context("cannot trace")?;
    slots.stamp(Slot::Go);
    let stopped = waitpid(pid, None).context("cannot wait")?;
    ensure!(
        matches!(stopped, WaitStatus::PtraceEvent(_, _, event) if event == libc::PTRACE_EVENT_EXIT),
        "it did not stop at its exit: {stopped:?}"
    );
    Ok(pid)
}

/// A process that reaps its children and does not close their pidfds. It has the pidfd of a living
/// process too.
fn dead_pidfds(slots: &Slots) -> Result<Pid> {
    let pid = child(|| {
        let mut pidfds = vec![pidfd(nix::unistd::getppid())?];
        for _ in 0..DEAD_PIDFDS {
            let child = child(|| Ok(()))?;
            pidfds.push(pidfd(child)?);
            waitpid(child, None).context("cannot wait")?;
        }
        slots.stamp(Slot::Ready);
        sleep_for_ever();
        Ok(())
    })?;
    slots.wait(Slot::Ready)?;
    Ok(pid)
}

/// A process with the PID of another that was reaped before it started.
fn reused() -> Result<Pid> {
    for _ in 0..100 {
        let first = child(|| Ok(()))?;
        waitpid(first, None).context("cannot wait")?;
        pause(APART);
        match with_number(first) {
            Ok(()) => return Ok(first),
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error).context("cannot choose a number"),
        }
    }
    bail!("another process always has the PID")
}

/// Forks a sleeping process with this PID, which must be free.
fn with_number(pid: Pid) -> Result<(), Errno> {
    let number = pid.as_raw();
    // SAFETY: all of it may be zero, which is the default of each field.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = libc::SIGCHLD as u64;
    args.set_tid = &raw const number as u64;
    args.set_tid_size = 1;
    // SAFETY: without a stack of its own and without shared memory this is a fork, and this
    // program has one thread.
    let forked = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    };
    if forked == 0 {
        let _ends_anyway = prctl::set_pdeathsig(Signal::SIGKILL);
        sleep_for_ever();
    }
    Errno::result(forked).map(drop)
}

/// A process that leaks children in a cgroup with a limit.
fn filled(slots: &Slots) -> Result<(Pid, Option<Cgroup>)> {
    let pid = child(|| {
        slots.wait(Slot::Go)?;
        loop {
            // SAFETY: this program has one thread; the child ends at once.
            let forked = unsafe { libc::fork() };
            if forked == 0 {
                // SAFETY: as above.
                unsafe { libc::_exit(0) }
            }
            // Once the cgroup is full, it keeps trying.
            if forked != -1 || Errno::last() != Errno::EAGAIN {
                checked(forked.into(), "cannot fork")?;
            }
            pause(FILL_EVERY);
        }
    })?;
    let cgroup = Cgroup::with_pids(pid, LIMIT)?;
    slots.stamp(Slot::Go);
    Ok((pid, Some(cgroup)))
}
