//! The one place where kernel time and wall time meet.
//!
//! The kernel side stamps with `CLOCK_BOOTTIME`, which runs on over suspend and never steps. Wall
//! time is joined at the moment of asking, so a stepped clock moves what is shown and nothing
//! that was measured.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// The distance between the two clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    realtime_ns: u64,
    boottime_ns: u64,
}

impl Wall {
    /// Reads both clocks, the one between two readings of the other.
    pub(crate) fn now() -> Self {
        let before = nanoseconds(ClockId::Boottime);
        let realtime_ns = nanoseconds(ClockId::Realtime);
        let after = nanoseconds(ClockId::Boottime);
        Self {
            realtime_ns,
            boottime_ns: before + (after - before) / 2,
        }
    }

    /// The wall time of a moment of the kernel.
    pub(crate) fn time_of(self, boottime_ns: u64) -> SystemTime {
        let then =
            i128::from(self.realtime_ns) + i128::from(boottime_ns) - i128::from(self.boottime_ns);
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(then).unwrap_or(0))
    }

    /// The moment that was asked about.
    pub(crate) fn boottime_ns(self) -> u64 {
        self.boottime_ns
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_moves_what_is_shown_by_just_that() {
        let before = Wall {
            realtime_ns: 5_000,
            boottime_ns: 1_000,
        };
        let stepped = Wall {
            realtime_ns: 9_100,
            boottime_ns: 1_100,
        };
        let moved = stepped.time_of(900).duration_since(before.time_of(900));
        assert_eq!(moved.expect("forward"), Duration::from_micros(4));
    }

    #[test]
    fn a_moment_before_the_epoch_is_the_epoch() {
        assert_eq!(
            Wall {
                realtime_ns: 5,
                boottime_ns: 1_000
            }
            .time_of(1),
            UNIX_EPOCH
        );
    }
}
