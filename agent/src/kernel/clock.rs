//! Converts kernel time to wall time. No other code does.
//!
//! The kernel side stamps with `CLOCK_BOOTTIME`, which includes suspend and never steps; every
//! duration is measured with it. `Wall` converts a moment when it is displayed, to what the wall
//! clock showed at that moment. So a clock step changes nothing that happened before it: a process
//! keeps its start time, and a death matches the logs of its time.
//!
//! Moments before the agent started use the clock that the agent found. Moments between a step and
//! the agent's next check, a few milliseconds, use the clock before the step.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Number of clock steps remembered; older moments use the oldest one.
const REMEMBERED: usize = 8;

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// The offset between the two clocks, now and before each step. It stays the same as long as the
/// readings allow, so that one moment is displayed the same in every answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    /// Newest first; unused entries repeat the oldest.
    joins: [Join; REMEMBERED],
}

/// An offset and the moment from which it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Join {
    from_ns: u64,
    /// Realtime minus boottime.
    offset_ns: i128,
}

/// The range of offsets that one pair of readings allows.
#[derive(Clone, Copy, Debug)]
struct Reading {
    least_ns: i128,
    most_ns: i128,
}

impl Wall {
    /// With the current offset.
    pub(crate) fn new() -> Self {
        Self::from(Reading::take().middle_ns())
    }

    /// With a recorded offset.
    pub(crate) fn from(offset_ns: i128) -> Self {
        let join = Join {
            from_ns: 0,
            offset_ns,
        };
        Self {
            joins: [join; REMEMBERED],
        }
    }

    /// Updates the offset if the wall clock was stepped.
    pub(crate) fn follow(&mut self) {
        self.correct(Reading::take(), now_ns());
    }

    fn correct(&mut self, reading: Reading, now_ns: u64) {
        if !(reading.least_ns..=reading.most_ns).contains(&self.joins[0].offset_ns) {
            self.step(now_ns, reading.middle_ns());
        }
    }

    /// Sets the offset that applies from `from_ns` on.
    pub(crate) fn step(&mut self, from_ns: u64, offset_ns: i128) {
        self.joins.rotate_right(1);
        self.joins[0] = Join { from_ns, offset_ns };
    }

    /// The current offset, and from which moment on it applies.
    pub(crate) fn last(self) -> (u64, i128) {
        (self.joins[0].from_ns, self.joins[0].offset_ns)
    }

    /// What the wall clock showed at a moment of the kernel.
    pub(crate) fn time_of(self, boottime_ns: u64) -> SystemTime {
        let then = self.joins.iter().find(|join| join.from_ns <= boottime_ns);
        let [.., oldest] = self.joins;
        then.unwrap_or(&oldest).time_of(boottime_ns)
    }

    /// A moment of the kernel on today's clock, for subtracting it from the current time.
    pub(crate) fn time_by_now(self, boottime_ns: u64) -> SystemTime {
        self.joins[0].time_of(boottime_ns)
    }
}

impl Join {
    fn time_of(self, boottime_ns: u64) -> SystemTime {
        let then = self.offset_ns + i128::from(boottime_ns);
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(then).unwrap_or(0))
    }
}

impl Reading {
    /// Reads one clock between two readings of the other, and keeps the tightest of several.
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
            // The ranges do not overlap if the clock was stepped between them; the later one is
            // right.
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
    fn a_moment_is_displayed_the_same_without_a_clock_step() {
        let mut wall = Wall::from(5_000);
        let before = wall.time_of(900);
        wall.correct(reading(4_950, 5_001), 950);
        assert_eq!(wall.time_of(900), before);
        assert_eq!(wall.time_of(950), before + Duration::from_nanos(50));
    }

    #[test]
    fn a_clock_step_only_affects_later_moments() {
        let mut wall = Wall::from(5_000);
        let before = wall.time_of(900);
        wall.correct(reading(8_990, 9_010), 1_000);
        wall.correct(reading(1_990, 2_010), 2_000);
        assert_eq!(wall.time_of(900), before);
        let nanos = |at_ns| wall.time_of(at_ns).duration_since(UNIX_EPOCH);
        let nanos = |at_ns| nanos(at_ns).expect("after the epoch").as_nanos();
        assert_eq!((nanos(999), nanos(1_000)), (5_999, 10_000));
        assert_eq!((nanos(1_999), nanos(2_000)), (10_999, 4_000));
        let now = wall.time_by_now(900).duration_since(UNIX_EPOCH);
        assert_eq!(now.expect("after the epoch").as_nanos(), 2_900);
    }

    #[test]
    fn the_latest_clock_steps_are_remembered() {
        let mut wall = Wall::from(0);
        for step in 1..=REMEMBERED {
            let offset_ns = step as i128 * 1_000;
            wall.correct(reading(offset_ns, offset_ns), step as u64 * 10);
        }
        let nanos = |at_ns| wall.time_of(at_ns).duration_since(UNIX_EPOCH);
        let nanos = |at_ns| nanos(at_ns).expect("after the epoch").as_nanos();
        assert_eq!(nanos(10), 1_010);
        assert_eq!(nanos(9), 1_009, "by the oldest that is remembered");
    }

    #[test]
    fn a_moment_before_the_epoch_is_the_epoch() {
        assert_eq!(Wall::from(-995).time_of(1), UNIX_EPOCH);
    }
}
