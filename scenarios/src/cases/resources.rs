//! A child whose use of CPU, memory and threads `wait4` reports.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};

use super::threads::sleep_for_ever;
use crate::clock::pause;
use crate::death::Death;
use crate::slots::Slot;
use crate::truth::Truth;
use crate::wait::By;

const CPU: Duration = Duration::from_millis(50);
const MEMORY: usize = 20 << 20;
const ZOMBIE_FOR: Duration = Duration::from_millis(5);

/// 50 ms of CPU time, 20 MB touched, three threads.
///
/// # Errors
/// When the kernel or an actor did not do its part.
pub fn used() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-resources")?;
    let pid = death.fork(|| {
        black_box(vec![1_u8; MEMORY]);
        burn();
        thread::scope(|scope| {
            scope.spawn(sleep_for_ever);
            scope.spawn(sleep_for_ever);
            pause(ZOMBIE_FOR);
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

fn burn() {
    let cpu = || clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(CPU, Duration::from);
    let end = cpu() + CPU;
    while cpu() < end {
        black_box(0);
    }
}
