//! Children whose parent dies before them, or before it reaped them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid, getppid};
use std::os::fd::AsFd;

use crate::clock::pause;
use crate::death::Death;
use crate::guard::{Sigchld, Subreaper};
use crate::ids::host_ids;
use crate::slots::{STATUS_KNOWN, Slot};
use crate::truth::{Held, How, Interval, Reaper, Truth};
use crate::wait::{By, pidfd};

const WHILE: Duration = Duration::from_millis(20);
/// How long an init may take to reap an orphan before it counts as never reaping.
const INIT_PATIENCE: Duration = Duration::from_secs(3);

/// An orphan that this process, a subreaper, adopts alive and reaps dead.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn subreaper() -> Result<Vec<Truth>> {
    let _guard = Subreaper::new()?;
    let (middle, orphan) = (Death::new(c"rw-middle")?, Death::new(c"rw-orphan")?);
    let middle_pid = middle.fork_helper(|| {
        orphan.fork(|| i32::from(orphan.wait(Slot::Go).is_err()))?;
        orphan.wait(Slot::Ready).map(drop)
    })?;
    finish(&middle, middle_pid)?;
    pause(WHILE);
    orphan.stamp(Slot::Go);
    let orphan_pid = Pid::from_raw(orphan.get(Slot::Pid) as i32);
    finish(&orphan, orphan_pid)?;
    Ok(vec![middle.truth()?, orphan.truth()?])
}

/// A zombie whose parent sees it dead, does not reap it, and dies; then this process, a
/// subreaper, adopts and reaps it.
///
/// # Errors
/// As [`subreaper`].
pub fn zombie_adopted() -> Result<Vec<Truth>> {
    let _guard = Subreaper::new()?;
    let (middle, zombie) = (Death::new(c"rw-middle")?, Death::new(c"rw-adopted")?);
    let middle_pid = middle.fork_helper(|| {
        let pid = zombie.fork(|| 3)?;
        zombie.see(pid)?;
        pause(WHILE);
        Ok(())
    })?;
    finish(&middle, middle_pid)?;
    pause(WHILE);
    zombie.reap(Pid::from_raw(zombie.get(Slot::Pid) as i32), By::Wait4)?;
    let (middle, zombie) = (middle.truth()?, zombie.truth()?);
    let zombie = left_by(&middle, zombie);
    Ok(vec![middle, zombie])
}

/// A zombie that goes to a subreaper which ignores SIGCHLD: its dying parent releases it.
///
/// # Errors
/// As [`subreaper`].
pub fn adopter_ignores() -> Result<Vec<Truth>> {
    let _guards = (Subreaper::new()?, Sigchld::ignore()?);
    let (middle, zombie) = (
        Death::new(c"rw-middle-ign")?,
        Death::new(c"rw-adopted-ign")?,
    );
    let middle_pid = middle.fork_helper(|| {
        let _keeps = Sigchld::keep()?;
        let pid = zombie.fork(|| 3)?;
        zombie.see(pid)?;
        pause(WHILE);
        Ok(())
    })?;
    middle.see_gone(middle_pid, 0)?;
    zombie.set(Slot::Parent, host_ids().0);
    let (middle, zombie) = (middle.truth()?, zombie.truth()?);
    // Both are released while the one dies.
    let released = Some(middle.died_at);
    let autoreaped = |truth| Truth {
        how: How::Autoreap,
        reaped_at: released,
        ..truth
    };
    Ok(vec![autoreaped(middle), autoreaped(zombie)])
}

/// 1,000 zombies whose parent dies: adopted all at once, reaped one after the other.
///
/// # Errors
/// As [`subreaper`].
pub fn many_adopted() -> Result<Vec<Truth>> {
    const COUNT: usize = 1000;
    let _guard = Subreaper::new()?;
    let middle = Death::new(c"rw-middle")?;
    let zombies = Death::many(c"rw-many-adopted", COUNT)?;
    let middle_pid = middle.fork_helper(|| {
        for zombie in &zombies {
            let pid = zombie.vfork(3)?;
            zombie.see(pid)?;
        }
        Ok(())
    })?;
    finish(&middle, middle_pid)?;
    for zombie in &zombies {
        zombie.reap(Pid::from_raw(zombie.get(Slot::Pid) as i32), By::Wait4)?;
    }
    let middle = middle.truth()?;
    let truths = zombies.iter().map(Death::truth);
    let left = truths.map(|zombie| Ok(left_by(&middle, zombie?)));
    left.chain([Ok(middle.clone())]).collect()
}

/// A daemon by double fork. Its adopter is init or an unknown subreaper, so the truth of its
/// reap is only an interval and a process.
///
/// # Errors
/// As [`subreaper`].
pub fn daemon() -> Result<Vec<Truth>> {
    let (middle, daemon) = (Death::new(c"rw-middle")?, Death::new(c"rw-daemon")?);
    let middle_pid = middle.fork_helper(|| {
        daemon.fork(|| {
            let done = daemon.wait(Slot::Go).is_ok();
            daemon.set(Slot::Parent, getppid().as_raw() as u64);
            daemon.set(Slot::Status, STATUS_KNOWN);
            i32::from(!done)
        })?;
        daemon.wait(Slot::Ready).map(drop)
    })?;
    finish(&middle, middle_pid)?;
    let pid = Pid::from_raw(daemon.get(Slot::Pid) as i32);
    ensure!(
        host_ids().0 == getpid().as_raw() as u64,
        "/proc is of another PID namespace"
    );
    let watch = pidfd(pid)?;
    daemon.stamp(Slot::Go);
    poll(
        &mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)],
        PollTimeout::NONE,
    )
    .context("cannot wait for the daemon's death")?;
    daemon.stamp(Slot::Seen);
    let reaped_at = gone(pid, daemon.get(Slot::Ending));
    let truth = daemon.truth()?;
    let reaper = Reaper {
        pid: truth.parent,
        tid: None,
    };
    let how = if reaped_at.is_some() {
        How::Wait
    } else {
        How::Never
    };
    let reaper = reaped_at.map(|_| reaper);
    Ok(vec![
        middle.truth()?,
        Truth {
            how,
            reaper,
            reaped_at,
            ..truth
        },
    ])
}

/// A zombie that this parent had not reaped when it died.
fn left_by(parent: &Truth, zombie: Truth) -> Truth {
    let held = Held {
        pid: parent.pid,
        as_tracer: false,
        until: parent.died_at,
    };
    Truth {
        held_before: vec![held],
        ..zombie
    }
}

/// Waits until `pid` is gone, if it ever is.
fn gone(pid: Pid, not_before_ns: u64) -> Option<Interval> {
    let step = Duration::from_micros(200);
    let steps = INIT_PATIENCE.as_micros() / step.as_micros();
    (0..steps).find_map(|_| {
        pause(step);
        kill(pid, None).is_err().then(|| Interval {
            not_before_ns,
            not_after_ns: crate::clock::now_ns(),
        })
    })
}

fn finish(death: &Death, pid: Pid) -> Result<()> {
    death.see(pid)?;
    death.reap(pid, By::Wait4)
}
