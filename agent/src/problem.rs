//! Problems that can come back at every event, as when descriptors or threads are exhausted. Each is
//! logged when it begins, and not again while it lasts.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A problem that comes and goes is logged once in this time.
const QUIET: Duration = Duration::from_secs(60);

/// Whether a problem exists, and when it was last logged; `K` is the kind of problem.
#[derive(Debug)]
pub struct Problem<K = ()>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    present: Option<K>,
    logged: Option<(K, Instant)>,
}

impl<K> Problem<K> {
    /// Not there yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            present: None,
            logged: None,
        }))
    }
}

impl<K: Copy + PartialEq> Problem<K> {
    /// Notes the present kind of the problem, `None` if all works. Whether it has to be logged.
    pub fn note(&self, present: Option<K>, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut state.present, present);
        let Some(kind) = present.filter(|_| present != before) else {
            return false;
        };
        let is_recent =
            |(logged, at): (K, Instant)| logged == kind && now.duration_since(at) < QUIET;
        if state.logged.is_some_and(is_recent) {
            return false;
        }
        state.logged = Some((kind, now));
        true
    }
}

impl Problem {
    /// Passes a result on, and logs an error if it is news.
    pub fn check<T, E: Display>(&self, what: &str, result: Result<T, E>) -> Result<T, E> {
        let is_news = self.note(result.is_err().then_some(()), Instant::now());
        result.inspect_err(|error| {
            if is_news {
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
        assert!(!problem.note(None, begun));
        assert!(problem.note(Some(1), begun));
        assert!(!problem.note(Some(1), after(3600)));
        assert!(problem.note(Some(2), after(3600)), "another kind");
        for second in 3600..3660 {
            assert!(!problem.note(None, after(second)));
            assert!(!problem.note(Some(2), after(second)), "it flaps");
        }
        assert!(!problem.note(None, after(3660)));
        assert!(problem.note(Some(2), after(3660)));
    }

    #[test]
    fn results_pass() {
        let problem = Problem::new();
        assert_eq!(problem.check("x", Ok::<_, &str>(1)), Ok(1));
        assert_eq!(problem.check("x", Err::<u8, _>("no")), Err("no"));
    }
}
