//! Children traced by another process: the tracer is notified of the death before the parent.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::threads::sleep_for_ever;

use crate::clock::pause;
use crate::death::Death;
use crate::guard::Sigchld;
use crate::ids::host_ids;
use crate::slots::Slot;
use crate::truth::{Exit, Held, How, Interval, Truth};
use crate::wait::{By, leader_ended};

const WHILE: Duration = Duration::from_millis(20);

/// The tracer waits, then the parent does.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn tracer_waits() -> Result<Vec<Truth>> {
    let (child, tracer) = (Death::new(c"rw-traced")?, Death::new(c"rw-tracer")?);
    let handover = Death::new(c"")?;
    let truths = traced(&child, &tracer, |pid| handover.reap(pid, By::Waitid))?;
    Ok(released_until(handover.reap_interval(), truths))
}

/// The tracer sees the death and exits without a wait for it.
///
/// # Errors
/// As [`tracer_waits`].
pub fn tracer_exits() -> Result<Vec<Truth>> {
    let (child, tracer) = (Death::new(c"rw-traced-x")?, Death::new(c"rw-tracer")?);
    let truths = traced(&child, &tracer, |_| Ok(()))?;
    Ok(released_until(truths[1].died_at, truths))
}

/// The tracer waits and so releases it, because the parent ignores SIGCHLD.
///
/// # Errors
/// As [`tracer_waits`].
pub fn tracer_releases() -> Result<Vec<Truth>> {
    let _guard = Sigchld::ignore()?;
    let (child, tracer) = (Death::new(c"rw-traced-i")?, Death::new(c"rw-tracer-i")?);
    let child_pid = child.fork(|| end_on_command(&child))?;
    let tracer_pid = trace(&tracer, &child, child_pid, |pid| {
        child.reap(pid, By::Waitid)
    })?;
    child.stamp(Slot::Go);
    tracer.see_gone(tracer_pid, 0)?;
    child.set(Slot::Parent, host_ids().0);
    let child = Truth {
        how: How::Tracer,
        ..child.truth()?
    };
    let tracer = tracer.truth()?;
    let tracer = Truth {
        how: How::Autoreap,
        reaped_at: Some(tracer.died_at),
        ..tracer
    };
    Ok(vec![child, tracer])
}

/// The tracer detaches from the living child, which then dies like any other.
///
/// # Errors
/// As [`tracer_waits`].
pub fn tracer_detaches() -> Result<Vec<Truth>> {
    let (child, tracer) = (Death::new(c"rw-untraced")?, Death::new(c"rw-tracer")?);
    let child_pid = child.fork(|| end_on_command(&child))?;
    let tracer_pid = tracer.fork_helper(|| {
        ptrace::seize(child_pid, Options::empty()).context("cannot trace")?;
        ptrace::interrupt(child_pid).context("cannot stop")?;
        waitpid(child_pid, Some(WaitPidFlag::__WALL)).context("it does not stop")?;
        ptrace::detach(child_pid, None).context("cannot detach")
    })?;
    tracer.see(tracer_pid)?;
    tracer.reap(tracer_pid, By::Wait4)?;
    child.stamp(Slot::Go);
    child.see(child_pid)?;
    pause(WHILE);
    child.reap(child_pid, By::Wait4)?;
    let tracer = tracer.truth()?;
    ensure!(tracer.exit == Exit::Exited { code: 0 }, "it was not traced");
    Ok(vec![child.truth()?, tracer])
}

/// One of two threads is traced, and the leader ends both: until the tracer waits for its dead
/// thread, the process is no zombie that its parent could reap.
///
/// # Errors
/// As [`tracer_waits`].
pub fn thread_traced() -> Result<Vec<Truth>> {
    let (child, tracer) = (Death::new(c"rw-thr-traced")?, Death::new(c"rw-tracer")?);
    // When the tracer saw the dead thread, and when it reaped it.
    let thread = Death::new(c"")?;
    let child_pid = child.fork(|| {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread.set(Slot::Pid, host_ids().1);
                sleep_for_ever();
            });
            let code = end_on_command(&child);
            child.stamp(Slot::Ending);
            // SAFETY: _exit is exit_group, which every thread may call.
            unsafe { libc::_exit(code) }
        })
    })?;
    let tracer_pid = tracer.fork_helper(|| {
        let tid = Pid::from_raw(thread.wait(Slot::Pid)? as i32);
        ptrace::seize(tid, Options::empty()).context("cannot trace")?;
        child.stamp(Slot::Go);
        thread.see_with(tid, libc::__WALL)?;
        // Otherwise the leader itself could end last.
        leader_ended(child_pid)?;
        pause(WHILE);
        thread.reap(tid, By::WaitidThread)
    })?;
    child.see(child_pid)?;
    tracer.see(tracer_pid)?;
    pause(WHILE);
    child.reap(child_pid, By::Wait4)?;
    tracer.reap(tracer_pid, By::Wait4)?;
    let (child, tracer) = (child.truth()?, tracer.truth()?);
    ensure!(tracer.exit == Exit::Exited { code: 0 }, "it was not traced");
    let child = Truth {
        begun_at: Interval {
            not_after_ns: thread.get(Slot::Seen),
            ..child.begun_at
        },
        died_at: Interval {
            not_before_ns: thread.get(Slot::ReapBegin),
            ..child.died_at
        },
        ..child
    };
    Ok(vec![child, tracer])
}

/// The truths of the child and its tracer, which released the child when it was dead.
fn released_until(until: Interval, mut truths: Vec<Truth>) -> Vec<Truth> {
    let held = Held {
        pid: truths[1].pid,
        as_tracer: true,
        until,
    };
    truths[0].held_before = vec![held];
    truths
}

fn traced(
    child: &Death,
    tracer: &Death,
    end: impl FnOnce(Pid) -> Result<()>,
) -> Result<Vec<Truth>> {
    let child_pid = child.fork(|| end_on_command(child))?;
    let tracer_pid = trace(tracer, child, child_pid, end)?;
    child.stamp(Slot::Go);
    tracer.see(tracer_pid)?;
    pause(WHILE);
    child.reap(child_pid, By::Wait4)?;
    tracer.reap(tracer_pid, By::Wait4)?;
    Ok(vec![child.truth()?, tracer.truth()?])
}

/// Forks a tracer that seizes the child, sees it die, calls `end`, and exits.
fn trace(
    tracer: &Death,
    child: &Death,
    child_pid: Pid,
    end: impl FnOnce(Pid) -> Result<()>,
) -> Result<Pid> {
    let tracer_pid = tracer.fork_helper(|| {
        ptrace::seize(child_pid, Options::empty()).context("cannot trace")?;
        child.set(Slot::Tracer, host_ids().0);
        child.see(child_pid)?;
        pause(WHILE);
        end(child_pid)
    })?;
    child.wait(Slot::Tracer)?;
    Ok(tracer_pid)
}

fn end_on_command(child: &Death) -> i32 {
    match child.wait(Slot::Go) {
        Ok(_) => 3,
        Err(_) => crate::death::FAILED,
    }
}
