//! Counts of the last minute, in slots of one second.

use std::collections::VecDeque;

/// How far back a window looks.
pub(super) const SECONDS: u64 = 60;

/// What happened in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Zombies that the process became responsible for.
    pub(super) came: u64,
    /// Zombies that it is no longer responsible for.
    pub(super) went: u64,
    /// Zombies that it reaped.
    pub(super) reaped: u64,
}

/// At most [`SECONDS`] slots; seconds in which nothing happened have none.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: VecDeque<(u64, Count)>,
}

impl Window {
    /// The slot of the second of `now_ns`. A clock that steps back counts into the last slot.
    pub(super) fn slot(&mut self, now_ns: u64) -> &mut Count {
        let last = self.slots.back().map_or(0, |(second, _)| *second);
        let second = (now_ns / 1_000_000_000).max(last);
        while self
            .slots
            .front()
            .is_some_and(|(old, _)| old + SECONDS <= second)
        {
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|(last, _)| *last != second) {
            self.slots.push_back((second, Count::default()));
        }
        let index = self.slots.len() - 1;
        &mut self.slots[index].1
    }

    /// What happened in these last seconds before `now_ns`.
    pub(super) fn sum(&self, now_ns: u64, seconds: u64) -> Count {
        let second = now_ns / 1_000_000_000;
        let recent = self.slots.iter().filter(|(old, _)| old + seconds > second);
        recent.fold(Count::default(), |sum, (_, count)| Count {
            came: sum.came + count.came,
            went: sum.went + count.went,
            reaped: sum.reaped + count.reaped,
        })
    }
}

impl Window {
    /// How many zombies it held at the end of each of the last seconds, if it holds so many now.
    pub(super) fn course(&self, zombies: u64, now_ns: u64, seconds: u64) -> Vec<u64> {
        let mut held = zombies;
        let mut later = self.slots.iter().rev().peekable();
        let last = now_ns / 1_000_000_000;
        let mut course: Vec<_> = (0..seconds)
            .map(|back| {
                let at_end = held;
                while let Some((_, count)) = later.next_if(|(it, _)| it + back >= last) {
                    held = (held + count.went).saturating_sub(count.came);
                }
                at_end
            })
            .collect();
        course.reverse();
        course
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn events_older_than_a_minute_are_dropped() {
        let mut window = Window::default();
        window.slot(5 * SECOND).came += 2;
        window.slot(6 * SECOND).came += 1;
        assert_eq!(window.sum(6 * SECOND, SECONDS).came, 3);
        assert_eq!(window.sum(64 * SECOND, SECONDS).came, 3);
        assert_eq!(window.sum(65 * SECOND, SECONDS).came, 1);
        assert_eq!(window.sum(66 * SECOND, SECONDS).came, 0);
        window.slot(66 * SECOND).reaped += 1;
        assert_eq!(window.slots.len(), 1);
    }

    #[test]
    fn the_course_ends_with_now_and_goes_back_by_what_came_and_went() {
        let mut window = Window::default();
        window.slot(10 * SECOND).came += 5;
        window.slot(12 * SECOND).came += 3;
        window.slot(12 * SECOND).went += 1;
        window.slot(13 * SECOND).went += 4;
        assert_eq!(window.course(3, 14 * SECOND, 6), [0, 5, 5, 7, 3, 3]);
        assert_eq!(window.course(3, 14 * SECOND, 2), [3, 3]);
    }

    #[test]
    fn the_window_is_bounded_and_survives_a_clock_that_steps_back() {
        let mut window = Window::default();
        for second in 0..1000 {
            window.slot(second * SECOND).went += 1;
        }
        window.slot(0).went += 1;
        assert_eq!(window.slots.len() as u64, SECONDS);
        assert_eq!(window.sum(999 * SECOND, SECONDS).went, SECONDS + 1);
    }
}
