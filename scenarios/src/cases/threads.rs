//! Processes of several threads, whose last one decides when they are dead.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::guard::Sigchld;
use crate::slots::Slot;
use crate::truth::{How, Truth};
use crate::wait::By;

const LONGER: Duration = Duration::from_millis(100);
const ZOMBIE_FOR: Duration = Duration::from_millis(10);

/// The leader ends 100 ms before the last thread: not a zombie until then.
///
/// # Errors
/// If a system call or a helper process fails, as for all scenarios.
pub fn leader_first() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-leader")?;
    reaped(&death, || {
        thread::scope(|scope| {
            scope.spawn(|| {
                pause(LONGER);
                death.stamp(Slot::Ending);
                exit_thread(7)
            });
            exit_thread(5)
        })
    })
}

/// One of three threads ends them all.
///
/// # Errors
/// As [`leader_first`].
pub fn exit_group() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-exit-group")?;
    reaped(&death, || {
        thread::scope(|scope| {
            scope.spawn(sleep_for_ever);
            scope.spawn(|| {
                pause(ZOMBIE_FOR);
                death.stamp(Slot::Ending);
                // SAFETY: _exit is exit_group, which every thread may call.
                unsafe { libc::_exit(4) }
            });
            sleep_for_ever();
            FAILED
        })
    })
}

/// As [`leader_first`], with a parent that ignores SIGCHLD: the last thread releases the leader.
///
/// # Errors
/// As [`leader_first`].
pub fn leader_first_ignored() -> Result<Vec<Truth>> {
    const CODE: u8 = 7;
    let _guard = Sigchld::ignore()?;
    let death = Death::new(c"rw-leader-ign")?;
    let pid = death.fork(|| {
        thread::scope(|scope| {
            scope.spawn(|| {
                pause(ZOMBIE_FOR);
                death.stamp(Slot::Ending);
                exit_thread(CODE.into())
            });
            exit_thread(CODE.into())
        })
    })?;
    death.see_gone(pid, CODE)?;
    let truth = death.truth()?;
    Ok(vec![Truth {
        how: How::Autoreap,
        reaped_at: Some(truth.died_at),
        ..truth
    }])
}

/// 200 threads end at once, by one SIGKILL.
///
/// # Errors
/// As [`leader_first`].
pub fn many_killed() -> Result<Vec<Truth>> {
    const THREADS: usize = 200;
    const STACK: usize = 64 << 10;
    let death = Death::new(c"rw-threads")?;
    let pid = death.fork_helper(|| {
        for _ in 0..THREADS {
            thread::Builder::new()
                .stack_size(STACK)
                .spawn(sleep_for_ever)?;
        }
        death.stamp(Slot::Extra);
        sleep_for_ever();
        Ok(())
    })?;
    death.wait(Slot::Extra)?;
    death.kill(Signal::SIGKILL)?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    Ok(vec![death.truth()?])
}

fn reaped(death: &Death, body: impl FnOnce() -> i32) -> Result<Vec<Truth>> {
    let pid = death.fork(body)?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    Ok(vec![death.truth()?])
}

/// Sleeps until another thread ends the process.
pub fn sleep_for_ever() {
    loop {
        thread::park();
    }
}

/// Ends this thread alone.
pub fn exit_thread(code: i32) -> ! {
    // SAFETY: the thread ends here; its stack is freed with the process, not by it.
    unsafe { libc::syscall(libc::SYS_exit, code) };
    unreachable!("a thread does not outlive its exit")
}
