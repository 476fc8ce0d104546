//! The one place where kernel time and wall time meet.
//!
//! The kernel side stamps with `CLOCK_BOOTTIME`, which runs on over suspend and never steps; all
//! that is measured is measured by it. Wall time is joined in `Wall` when a moment is shown, by
//! one rule: a moment is shown as what the wall clock said then. So a stepped clock moves nothing
//! that happened before the step: a process keeps the start time it is known by, and a death
//! stands where the logs of its time have it.
//!
//! What happened before the agent is shown by the clock that the agent found; and what happened
//! between a step and the agent's next look, some milliseconds, by the clock before the step.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Steps of the wall clock that are remembered: moments before them are shown by the oldest.
const REMEMBERED: usize = 8;

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// The distance between the two clocks now and before each of its steps. It stays the same for as
/// long as the readings allow, so that one moment of the kernel is shown alike in every answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    /// The newest first; unused places repeat the oldest.
    joins: [Join; REMEMBERED],
}

/// Which distance held from which moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Join {
    from_ns: u64,
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
        Self::from(Reading::take().middle_ns())
    }

    /// Of a machine whose clocks were once so far apart.
    pub(crate) fn from(offset_ns: i128) -> Self {
        let join = Join {
            from_ns: 0,
            offset_ns,
        };
        Self {
            joins: [join; REMEMBERED],
        }
    }

    /// Follows a step of the wall clock, if there was one.
    pub(crate) fn follow(&mut self) {
        self.correct(Reading::take(), now_ns());
    }

    fn correct(&mut self, reading: Reading, now_ns: u64) {
        if !(reading.least_ns..=reading.most_ns).contains(&self.joins[0].offset_ns) {
            self.step(now_ns, reading.middle_ns());
        }
    }

    /// From `from_ns` on they are so far apart.
    pub(crate) fn step(&mut self, from_ns: u64, offset_ns: i128) {
        self.joins.rotate_right(1);
        self.joins[0] = Join { from_ns, offset_ns };
    }

    /// How far they are apart now, and from which moment on.
    pub(crate) fn last(self) -> (u64, i128) {
        (self.joins[0].from_ns, self.joins[0].offset_ns)
    }

    /// What the wall clock said at a moment of the kernel.
    pub(crate) fn time_of(self, boottime_ns: u64) -> SystemTime {
        let then = self.joins.iter().find(|join| join.from_ns <= boottime_ns);
        let [.., oldest] = self.joins;
        then.unwrap_or(&oldest).time_of(boottime_ns)
    }

    /// A moment of the kernel by the wall clock of now, for who subtracts it from the time of now.
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
        let mut wall = Wall::from(5_000);
        let before = wall.time_of(900);
        wall.correct(reading(4_950, 5_001), 950);
        assert_eq!(wall.time_of(900), before);
        assert_eq!(wall.time_of(950), before + Duration::from_nanos(50));
    }

    #[test]
    fn a_step_moves_what_comes_after_it_and_nothing_before() {
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
    fn of_many_steps_the_last_are_remembered() {
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
