//! The one place where kernel time and wall time meet.
//!
//! The kernel side stamps with `CLOCK_BOOTTIME`, which runs on over suspend and never steps. Wall
//! time is joined in `Wall` when it is shown, so a stepped clock moves what is shown and nothing
//! that was measured.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// The distance between the two clocks. It stays the same for as long as the readings allow, so
/// that one moment of the kernel is shown alike in every answer, and follows a step at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    /// Realtime less boottime.
    offset_ns: i128,
}

/// What one pair of readings allows the distance to be.
#[derive(Clone, Copy, Debug)]
struct Reading {
    least_ns: i128,
    most_ns: i128,
}

impl Wall {
    /// The distance now.
    pub(crate) fn new() -> Self {
        Self {
            offset_ns: Reading::take().middle_ns(),
        }
    }

    /// Follows a step of the wall clock, if there was one.
    pub(crate) fn follow(&mut self) {
        self.correct(Reading::take());
    }

    fn correct(&mut self, reading: Reading) {
        if !(reading.least_ns..=reading.most_ns).contains(&self.offset_ns) {
            self.offset_ns = reading.middle_ns();
        }
    }

    /// The wall time of a moment of the kernel.
    pub(crate) fn time_of(self, boottime_ns: u64) -> SystemTime {
        let then = self.offset_ns + i128::from(boottime_ns);
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(then).unwrap_or(0))
    }
}

impl Reading {
    /// Reads the one clock between two readings of the other, and keeps the tightest of a few.
    fn take() -> Self {
        let readings = (0..5).map(|_| {
            let before = i128::from(nanoseconds(ClockId::Boottime));
            let realtime = i128::from(nanoseconds(ClockId::Realtime));
            let after = i128::from(nanoseconds(ClockId::Boottime));
            Self {
                least_ns: realtime - after,
                most_ns: realtime - before,
            }
        });
        let widest = Self {
            least_ns: i128::MIN,
            most_ns: i128::MAX,
        };
        readings.fold(widest, |best, next| {
            let meet = Self {
                least_ns: best.least_ns.max(next.least_ns),
                most_ns: best.most_ns.min(next.most_ns),
            };
            // They do not meet where the clock was stepped between them: the later one holds.
            if meet.least_ns <= meet.most_ns {
                meet
            } else {
                next
            }
        })
    }

    fn middle_ns(self) -> i128 {
        self.least_ns + (self.most_ns - self.least_ns) / 2
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(least_ns: i128, most_ns: i128) -> Reading {
        Reading { least_ns, most_ns }
    }

    #[test]
    fn a_moment_is_shown_alike_while_the_clock_is_not_stepped() {
        let mut wall = Wall { offset_ns: 5_000 };
        let before = wall.time_of(900);
        wall.correct(reading(4_950, 5_001));
        assert_eq!(wall.time_of(900), before);
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_what_is_shown_by_just_that() {
        let mut wall = Wall { offset_ns: 5_000 };
        let before = wall.time_of(900);
        wall.correct(reading(8_990, 9_010));
        let moved = wall.time_of(900).duration_since(before);
        assert_eq!(moved.expect("forward"), Duration::from_micros(4));
    }

    #[test]
    fn a_moment_before_the_epoch_is_the_epoch() {
        assert_eq!(Wall { offset_ns: -995 }.time_of(1), UNIX_EPOCH);
    }
}
