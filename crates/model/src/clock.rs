//! The one place where kernel time and wall time meet.
//!
//! The kernel side uses `CLOCK_BOOTTIME`, which keeps running during suspend and never steps;
//! all durations are measured with it. `Wall` converts a moment to wall time when it is shown, by
//! one rule: it is shown as the wall clock read at that moment. A clock step therefore does not
//! change earlier times: a process keeps its start time, and a death matches the logs of its time.
//!
//! Moments before the agent started are converted with the clock as the agent found it. Moments
//! between a step and the agent's next look, some milliseconds, are converted with the clock before
//! the step.

use jiff::Timestamp;

/// Steps of the wall clock that are remembered: moments before them are shown by the oldest.
const REMEMBERED: usize = 8;

/// The distance between the two clocks now and before each of its steps. It stays the same for as
/// long as the readings allow, so that one moment of the kernel is shown alike in every answer.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
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

impl Wall {
    /// A machine whose clocks always had this offset.
    pub fn from(offset_ns: i128) -> Self {
        let join = Join {
            from_ns: 0,
            offset_ns,
        };
        Self {
            joins: [join; REMEMBERED],
        }
    }

    /// From `from_ns` on they are so far apart.
    pub fn step(&mut self, from_ns: u64, offset_ns: i128) {
        self.joins.rotate_right(1);
        self.joins[0] = Join { from_ns, offset_ns };
    }

    /// How far they are apart now, and from which moment on.
    pub fn last(self) -> (u64, i128) {
        (self.joins[0].from_ns, self.joins[0].offset_ns)
    }

    /// The reading of the wall clock at a moment of the kernel's clock.
    pub fn time_of(self, boottime_ns: u64) -> Timestamp {
        let then = self.joins.iter().find(|join| join.from_ns <= boottime_ns);
        let [.., oldest] = self.joins;
        then.unwrap_or(&oldest).time_of(boottime_ns)
    }

    /// A moment of the kernel by the wall clock of now, for who subtracts it from the time of now.
    pub fn time_by_now(self, boottime_ns: u64) -> Timestamp {
        self.joins[0].time_of(boottime_ns)
    }
}

impl Join {
    fn time_of(self, boottime_ns: u64) -> Timestamp {
        let then = self.offset_ns + i128::from(boottime_ns);
        Timestamp::from_nanosecond(then.max(0)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_step_shifts_later_times_only() {
        let mut wall = Wall::from(5_000);
        let before = wall.time_of(900);
        wall.step(1_000, 9_000);
        wall.step(2_000, 2_000);
        assert_eq!(wall.time_of(900), before);
        let nanos = |at_ns| wall.time_of(at_ns).as_nanosecond();
        assert_eq!((nanos(999), nanos(1_000)), (5_999, 10_000));
        assert_eq!((nanos(1_999), nanos(2_000)), (10_999, 4_000));
        assert_eq!(wall.time_by_now(900).as_nanosecond(), 2_900);
    }

    #[test]
    fn only_the_latest_clock_steps_are_remembered() {
        let mut wall = Wall::from(0);
        for step in 1..=REMEMBERED {
            let offset_ns = step as i128 * 1_000;
            wall.step(step as u64 * 10, offset_ns);
        }
        let nanos = |at_ns| wall.time_of(at_ns).as_nanosecond();
        assert_eq!(nanos(10), 1_010);
        assert_eq!(nanos(9), 1_009, "by the oldest that is remembered");
    }

    #[test]
    fn times_before_the_epoch_are_clamped_to_it() {
        assert_eq!(Wall::from(-995).time_of(1), Timestamp::UNIX_EPOCH);
    }
}
