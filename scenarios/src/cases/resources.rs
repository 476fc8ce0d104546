//! A child whose use of CPU, memory and threads `wait4` reports.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::threads::sleep_for_ever;
use crate::clock::pause;
use crate::death::Death;
use crate::slots::Slot;
use crate::truth::Truth;
use crate::wait::By;

/// In microseconds.
const CPU: i64 = 50_000;
/// About as much as a system call takes.
const USER_STEPS: u32 = 1000;
const MEMORY: usize = 20 << 20;
const ZOMBIE_FOR: Duration = Duration::from_millis(5);

/// At least 50 ms of CPU time, on both sides, 20 MB touched, three threads.
///
/// # Errors
/// If a system call or a helper process fails.
pub fn used() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-resources")?;
    let pid = death.fork(|| {
        black_box(vec![1_u8; MEMORY]);
        burn();
        thread::scope(|scope| {
            scope.spawn(sleep_for_ever);
            scope.spawn(sleep_for_ever);
            pause(ZOMBIE_FOR);
            let used = used_us().map_or(0, |[user, system]| user + system);
            death.set(Slot::Extra, used.unsigned_abs());
            death.stamp(Slot::Ending);
            // SAFETY: _exit ends all threads, as is meant.
            unsafe { libc::_exit(0) }
        })
    })?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    let truth = death.truth()?;
    Ok(vec![Truth {
        resources: Some(death.resources(3)),
        ..truth
    }])
}

/// Until enough is used, and the kernel has seen the process running on both sides: what it does
/// between two ticks is accounted to the side where the tick found it.
fn burn() {
    while used_us().is_some_and(|[user, system]| user == 0 || system == 0 || user + system < CPU) {
        for step in 0..USER_STEPS {
            black_box(step);
        }
    }
}

/// User and system time of this process until now, in microseconds.
fn used_us() -> Option<[i64; 2]> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some([usage.user_time(), usage.system_time()].map(|time| time.num_microseconds()))
}
