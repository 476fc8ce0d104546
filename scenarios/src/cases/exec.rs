//! A thread that is not the leader execs: the leader is gone, the process stays. One death only,
//! at the end of the new program.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::prctl;
use nix::unistd::{execv, pipe, read, write};

use super::threads::{exit_thread, sleep_for_ever};
use crate::clock::pause;
use crate::death::Death;
use crate::slots::Slot;
use crate::truth::{Exit, Truth};
use crate::wait::By;

/// How long the leader has been gone, and how long the new program runs.
const WHILE: Duration = Duration::from_millis(20);

/// Exit code of the new program.
pub const CODE: u8 = 2;

/// The argument that makes this program the one that was exec'ed; a descriptor follows it.
pub const AFTER_EXEC: &str = "after-exec";

/// The leader lives until the exec ends it.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn leader_alive() -> Result<Vec<Truth>> {
    one(&Death::new(c"rw-exec")?, sleep_for_ever)
}

/// The leader has ended before the exec.
///
/// # Errors
/// As [`leader_alive`].
pub fn leader_exited() -> Result<Vec<Truth>> {
    one(&Death::new(c"rw-exec-late")?, || exit_thread(5))
}

fn one(death: &Death, leader: fn()) -> Result<Vec<Truth>> {
    let (theirs, ours) = pipe().context("cannot make a pipe")?;
    let comm = death.comm();
    let pid = death.fork_helper(|| {
        thread::scope(|scope| {
            scope.spawn(|| {
                pause(WHILE);
                exec(&theirs, comm)
            });
            leader();
        });
        bail!("nothing was exec'ed")
    })?;
    death.wait(Slot::Ready)?;
    pause(WHILE * 2);
    // The new program does not have this memory, so its next action is bounded from here.
    death.stamp(Slot::Ending);
    write(&ours, b"!").context("cannot signal the new program to end")?;
    death.see(pid)?;
    pause(WHILE);
    death.reap(pid, By::Wait4)?;
    let truth = death.truth()?;
    ensure!(
        truth.exit == Exit::Exited { code: CODE },
        "nothing was exec'ed"
    );
    Ok(vec![truth])
}

fn exec(pipe: &OwnedFd, comm: &str) -> Result<Infallible> {
    // SAFETY: the descriptor is open, and F_SETFD without FD_CLOEXEC only keeps it so.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFD, 0) };
    let fd = CString::new(pipe.as_raw_fd().to_string())?;
    let program = CString::new(AFTER_EXEC)?;
    // Not /proc/self: that is the leader's, which may be gone.
    execv(
        c"/proc/thread-self/exe",
        &[c"scenarios".into(), program, fd, CString::new(comm)?],
    )
    .context("cannot exec this program")
}

/// The program that was exec'ed: takes the name, waits for a byte, and exits.
///
/// # Errors
/// If no byte comes.
pub fn after_exec(pipe: &OwnedFd, comm: &str) -> Result<()> {
    prctl::set_name(&CString::new(comm)?)?;
    read(pipe, &mut [0]).context("cannot read the pipe")?;
    Ok(())
}
