//! A PID that is reused.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::lacking::Lacking;
use crate::slots::Slot;
use crate::truth::Truth;
use crate::wait::By;

/// The file that sets the last PID that the kernel has assigned
/// (CONFIG_CHECKPOINT_RESTORE).
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
/// Other processes fork as well and may take the PID.
const TRIES: u32 = 100;
/// Minimum difference between the start times of two processes with one PID.
const APART: Duration = Duration::from_millis(30);
const ZOMBIE_FOR: Duration = Duration::from_millis(5);

/// A process is reaped, and the next one has its PID. Attempts that missed it are deaths as well.
///
/// # Errors
/// If a system call or a helper process fails, or PIDs cannot be chosen.
pub fn at_once() -> Result<Vec<Truth>> {
    let first = Death::new(c"rw-number")?;
    let pid = first.fork(|| match first.wait(Slot::Go) {
        Ok(_) => 3,
        Err(_) => FAILED,
    })?;
    pause(APART);
    first.stamp(Slot::Go);
    finish(&first, pid)?;
    let mut truths = vec![first.truth()?];
    for _ in 0..TRIES {
        pretend_last(pid.as_raw() - 1)?;
        let next = Death::new(c"rw-number-again")?;
        let taken = next.fork(|| 4)?;
        finish(&next, taken)?;
        truths.push(next.truth()?);
        if taken == pid {
            return Ok(truths);
        }
    }
    bail!("{pid} was not reused")
}

fn pretend_last(number: i32) -> Result<()> {
    let Err(error) = fs::write(LAST_PID, number.to_string()) else {
        return Ok(());
    };
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno @ (Errno::ENOENT | Errno::EACCES | Errno::EPERM | Errno::EROFS)) => {
            bail!(Lacking::new("a writable ns_last_pid", errno))
        }
        _ => Err(error).with_context(|| format!("cannot write {LAST_PID}")),
    }
}

fn finish(death: &Death, pid: Pid) -> Result<()> {
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)
}
