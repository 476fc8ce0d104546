//! Children reaped by their parent: how late, by which call, by which thread.

use std::ffi::CStr;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::unistd::getpid;

use crate::clock::pause;
use crate::death::Death;
use crate::truth::Truth;
use crate::wait::By;

const PEEK_FOR: Duration = Duration::from_millis(20);

/// A child that stays a zombie for `ms` milliseconds.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn after(comm: &'static CStr, ms: u64) -> Result<Vec<Truth>> {
    one(comm, Duration::from_millis(ms), By::Wait4)
}

/// `count` children one after the other, each dead for `delay`.
///
/// # Errors
/// As [`after`].
pub fn accuracy(count: u32, delay: Duration) -> Result<Vec<Truth>> {
    let mut truths = Vec::new();
    for _ in 0..count {
        truths.append(&mut one(c"rw-accuracy", delay, By::Wait4)?);
    }
    for truth in &mut truths {
        "accuracy".clone_into(&mut truth.name);
    }
    Ok(truths)
}

/// Reaped by `wait4(-1)`.
///
/// # Errors
/// As [`after`].
pub fn wait4_any() -> Result<Vec<Truth>> {
    one(c"rw-wait4-any", Duration::from_millis(5), By::Wait4Any)
}

/// Reaped by `waitid` of its PID.
///
/// # Errors
/// As [`after`].
pub fn waitid() -> Result<Vec<Truth>> {
    one(c"rw-waitid", Duration::from_millis(5), By::Waitid)
}

/// Reaped by `waitid` of its pidfd.
///
/// # Errors
/// As [`after`].
pub fn waitid_pidfd() -> Result<Vec<Truth>> {
    one(c"rw-waitid-fd", Duration::from_millis(5), By::WaitidPidfd)
}

/// Reaped by `waitid` of any child.
///
/// # Errors
/// As [`after`].
pub fn waitid_all() -> Result<Vec<Truth>> {
    one(c"rw-waitid-all", Duration::from_millis(5), By::WaitidAll)
}

/// Reaped by a `waitid` that returns no PID.
///
/// # Errors
/// As [`after`].
pub fn waitid_null() -> Result<Vec<Truth>> {
    one(c"rw-waitid-null", Duration::from_millis(5), By::WaitidNull)
}

/// Peeked at with `WNOWAIT` several times, which does not reap.
///
/// # Errors
/// As [`after`].
pub fn peeked() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-peeked")?;
    let again = Death::new(c"")?;
    let pid = death.fork(|| 3)?;
    death.see(pid)?;
    for _ in 0..2 {
        pause(PEEK_FOR / 2);
        again.see(pid)?;
    }
    death.reap(pid, By::Waitid)?;
    Ok(vec![death.truth()?])
}

/// Reaped by a thread that is not the one that forked it.
///
/// # Errors
/// As [`after`].
pub fn by_thread() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-by-thread")?;
    let pid = death.fork(|| 3)?;
    death.see(pid)?;
    thread::scope(|scope| scope.spawn(|| death.reap(pid, By::Wait4)).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let truth = death.truth()?;
    let tid = truth.reaper.and_then(|reaper| reaper.tid);
    ensure!(
        tid != Some(getpid().as_raw() as u32),
        "the main thread reaped"
    );
    Ok(vec![truth])
}

fn one(comm: &'static CStr, delay: Duration, by: By) -> Result<Vec<Truth>> {
    let death = Death::new(comm)?;
    let pid = death.fork(|| 3)?;
    death.see(pid)?;
    pause(delay);
    death.reap(pid, by)?;
    Ok(vec![death.truth()?])
}
