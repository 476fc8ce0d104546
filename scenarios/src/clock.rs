//! The clock of all truths: `CLOCK_BOOTTIME`, as the kernel stamps deaths.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// How close to its end a pause stops sleeping and starts to spin.
const SPIN: Duration = Duration::from_micros(300);

/// Nanoseconds since boot.
///
/// # Panics
/// If the kernel has no `CLOCK_BOOTTIME`, which came with Linux 2.6.39.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// Lets `time` pass, to within microseconds on an idle machine: sleeps first, then spins.
pub fn pause(time: Duration) {
    let end = now_ns() + time.as_nanos() as u64;
    if time > SPIN {
        std::thread::sleep(time.saturating_sub(SPIN));
    }
    while now_ns() < end {
        std::hint::spin_loop();
    }
}
