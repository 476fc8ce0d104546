//! The clocks of this machine.

use model::clock::Wall;
use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// The distance of the two clocks now.
pub(crate) fn wall() -> Wall {
    Wall::from(Reading::take().middle_ns())
}

/// Follows a step of the wall clock, if there was one.
pub(crate) fn follow(wall: &mut Wall) {
    correct(wall, Reading::take(), now_ns());
}

fn correct(wall: &mut Wall, reading: Reading, now_ns: u64) {
    let (_, offset_ns) = wall.last();
    if !(reading.least_ns..=reading.most_ns).contains(&offset_ns) {
        wall.step(now_ns, reading.middle_ns());
    }
}

/// What one pair of readings allows the distance to be.
#[derive(Clone, Copy, Debug)]
struct Reading {
    least_ns: i128,
    most_ns: i128,
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

    #[test]
    fn a_clock_is_stepped_only_where_the_readings_do_not_allow_the_distance() {
        let mut wall = Wall::from(5_000);
        let reading = |least_ns, most_ns| Reading { least_ns, most_ns };
        correct(&mut wall, reading(4_950, 5_001), 950);
        assert_eq!(wall.last(), (0, 5_000));
        correct(&mut wall, reading(8_990, 9_010), 1_000);
        assert_eq!(wall.last(), (1_000, 9_000));
    }
}
