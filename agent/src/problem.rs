//! Problems that can come back at every event, as when descriptors or threads are exhausted. Each is
//! logged when it begins, and not again while it lasts, nor within a minute if it comes and goes.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A problem that comes and goes is logged once in this time.
const QUIET: Duration = Duration::from_secs(60);

/// How many kinds of a problem are logged in that time.
const MOST_KINDS: usize = 8;

/// Whether a problem exists, and when it was last logged; `K` is the kind of problem.
#[derive(Debug)]
pub struct Problem<K = ()>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    present: Option<K>,
    /// The kinds logged in the last minute.
    logged: Vec<(K, Instant)>,
    /// Whether the log says that there is a problem.
    is_open: bool,
}

/// What has to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The problem is there, or is of another kind now.
    Began,
    /// The problem that was logged is gone.
    Ended,
}

impl<K> Problem<K> {
    /// Not there yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            present: None,
            logged: Vec::new(),
            is_open: false,
        }))
    }
}

impl<K> Default for Problem<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone + PartialEq> Problem<K> {
    /// Notes the present kind of the problem, `None` if all works.
    pub fn note(&self, present: Option<K>, now: Instant) -> Option<News> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut state.present, present.clone());
        let Some(kind) = present else {
            return std::mem::take(&mut state.is_open).then_some(News::Ended);
        };
        if before.as_ref() == Some(&kind) {
            return None;
        }
        let is_recent = |at: Instant| now.duration_since(at) < QUIET;
        state.logged.retain(|&(_, at)| is_recent(at));
        let is_known = state.logged.iter().any(|(logged, _)| *logged == kind);
        if is_known || state.logged.len() >= MOST_KINDS {
            return None;
        }
        state.logged.push((kind, now));
        state.is_open = true;
        Some(News::Began)
    }
}

impl Problem {
    /// Passes a result on, and logs an error if it is news.
    pub fn check<T, E: Display>(&self, what: &str, result: Result<T, E>) -> Result<T, E> {
        let news = self.note(result.is_err().then_some(()), Instant::now());
        result.inspect_err(|error| {
            if news == Some(News::Began) {
                log::warn!("{what}: {error}");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_news_once_until_it_has_been_away_for_a_while() {
        let problem = Problem::new();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let (new, over) = (Some(News::Began), Some(News::Ended));
        assert_eq!(problem.note(None, begun), None);
        assert_eq!(problem.note(Some(1), begun), new);
        assert_eq!(problem.note(Some(1), after(3600)), None);
        assert_eq!(problem.note(Some(2), after(3600)), new, "another kind");
        assert_eq!(problem.note(None, after(3600)), over);
        for second in 3600..3660 {
            assert_eq!(problem.note(None, after(second)), None);
            assert_eq!(problem.note(Some(2), after(second)), None, "it flaps");
        }
        assert_eq!(problem.note(None, after(3660)), None);
        assert_eq!(problem.note(Some(2), after(3660)), new);
    }

    #[test]
    fn a_problem_of_ever_new_kinds_does_not_fill_the_log() {
        let problem = Problem::new();
        let now = Instant::now();
        let lines = (0..1000).filter(|&kind| problem.note(Some(kind), now).is_some());
        assert_eq!(lines.count(), MOST_KINDS);
        let alternating = Problem::new();
        let lines = (0..1000).filter(|n| alternating.note(Some(n % 2), now).is_some());
        assert_eq!(lines.count(), 2);
    }

    #[test]
    fn results_pass() {
        let problem = Problem::new();
        assert_eq!(problem.check("x", Ok::<_, &str>(1)), Ok(1));
        assert_eq!(problem.check("x", Err::<u8, _>("no")), Err("no"));
    }
}
