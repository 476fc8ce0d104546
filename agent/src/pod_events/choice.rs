//! Which Events are written when. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::host::kubernetes::PodEvent;

/// Maximum number of writes in [`WINDOW`]: the API server is everybody's.
const MOST: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// An Event is repeated after this time, if its reason lasts; after [`WINDOW`], if it has another
/// verdict.
const REPEAT: Duration = Duration::from_secs(600);
/// What has not been found for this long is forgotten. An API server does the same by default.
const KEEP: Duration = Duration::from_secs(3600);

/// What was written, and when.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// By pod and reason; only what was written, so it is bounded by [`MOST`].
    written: HashMap<Id, Written>,
    /// When the last writes began, oldest first.
    writes: VecDeque<Instant>,
}

/// The uid of a pod, and a reason.
type Id = (String, &'static str);

#[derive(Debug)]
struct Written {
    times: u64,
    verdict: String,
    at: Instant,
    found: Instant,
}

impl Choice {
    /// Notes what is found now, and forgets what has not been found for long.
    pub(super) fn forget(&mut self, found: &[PodEvent], now: Instant) {
        for event in found {
            if let Some(written) = self.written.get_mut(&id(event)) {
                written.found = now;
            }
        }
        self.written
            .retain(|_, written| now.duration_since(written.found) < KEEP);
    }

    /// The next Event to write, and how often it has been written. New ones come first.
    pub(super) fn next<'a>(
        &mut self,
        found: &'a [PodEvent],
        now: Instant,
    ) -> Option<(&'a PodEvent, u64)> {
        while let Some(at) = self.writes.front()
            && now.duration_since(*at) >= WINDOW
        {
            self.writes.pop_front();
        }
        if self.writes.len() >= MOST {
            return None;
        }
        let due = found.iter().filter_map(|event| {
            let Some(written) = self.written.get(&id(event)) else {
                return Some((event, 0));
            };
            let after = if written.verdict == event.verdict {
                REPEAT
            } else {
                WINDOW
            };
            let is_due = now.duration_since(written.at) >= after;
            is_due.then_some((event, written.times))
        });
        let next = due.min_by_key(|(_, times)| *times > 0)?;
        self.writes.push_back(now);
        Some(next)
    }

    /// It was written, and has happened so many times; `None` if it never can be.
    pub(super) fn written(&mut self, event: &PodEvent, times: Option<u64>, now: Instant) {
        let written = Written {
            times: times.unwrap_or(0),
            verdict: event.verdict.clone(),
            at: now,
            found: now,
        };
        self.written.insert(id(event), written);
    }
}

fn id(event: &PodEvent) -> Id {
    (event.uid.clone(), event.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(uid: &str) -> PodEvent {
        PodEvent {
            namespace: "shop".to_owned(),
            pod: format!("web-{uid}"),
            uid: uid.to_owned(),
            reason: "ZombieLeak",
            verdict: "never_waits".to_owned(),
            message: String::new(),
        }
    }

    /// Writes all that is due; the uids and counts.
    fn write(choice: &mut Choice, found: &[PodEvent], now: Instant) -> Vec<(String, u64)> {
        choice.forget(found, now);
        let mut all = Vec::new();
        while let Some((event, times)) = choice.next(found, now) {
            choice.written(event, Some(times + 1), now);
            all.push((event.uid.clone(), times + 1));
        }
        all
    }

    #[test]
    fn one_event_is_written_for_each_pod_and_reason_and_repeated_while_it_lasts() {
        let mut choice = Choice::default();
        let begun = Instant::now();
        let found = [event("a"), event("b")];
        let first = [("a".to_owned(), 1), ("b".to_owned(), 1)];
        assert_eq!(write(&mut choice, &found, begun), first);
        assert_eq!(write(&mut choice, &found, begun + REPEAT / 2), []);
        let later = begun + REPEAT;
        assert_eq!(
            write(&mut choice, &found[..1], later),
            [("a".to_owned(), 2)]
        );
        let other = PodEvent {
            reason: "ExitStuck",
            ..event("a")
        };
        assert_eq!(write(&mut choice, &[other], later), [("a".to_owned(), 1)]);
    }

    #[test]
    fn another_verdict_is_written_to_the_same_event_soon() {
        let mut choice = Choice::default();
        let begun = Instant::now();
        write(&mut choice, &[event("a")], begun);
        let better = [PodEvent {
            verdict: "sigchld_blocked".to_owned(),
            ..event("a")
        }];
        assert_eq!(write(&mut choice, &better, begun + WINDOW / 2), []);
        let second = [("a".to_owned(), 2)];
        assert_eq!(write(&mut choice, &better, begun + WINDOW), second);
        assert_eq!(write(&mut choice, &better, begun + WINDOW * 2), []);
    }

    #[test]
    fn what_was_gone_for_long_begins_again() {
        let mut choice = Choice::default();
        let begun = Instant::now();
        write(&mut choice, &[event("a")], begun);
        assert_eq!(write(&mut choice, &[], begun + KEEP), []);
        assert!(choice.written.is_empty());
    }

    #[test]
    fn writes_are_bounded_and_new_events_come_before_repeated_ones() {
        let mut choice = Choice::default();
        let begun = Instant::now();
        let many: Vec<_> = (0..100).map(|n| event(&n.to_string())).collect();
        assert_eq!(write(&mut choice, &many, begun).len(), MOST);
        assert_eq!(write(&mut choice, &many, begun + WINDOW / 2), []);
        let later = begun + REPEAT;
        let next = write(&mut choice, &many, later);
        assert!(next.iter().all(|(_, times)| *times == 1), "{next:?}");
        assert_eq!(next.len(), MOST);
    }

    #[test]
    fn failed_writes_count_too() {
        let mut choice = Choice::default();
        let (found, now) = ([event("a")], Instant::now());
        let tries = (0..100).filter(|_| choice.next(&found, now).is_some());
        assert_eq!(tries.count(), MOST);
        assert!(choice.next(&found, now + WINDOW).is_some());
    }

    #[test]
    fn what_no_server_takes_is_not_tried_again_soon() {
        let mut choice = Choice::default();
        let (found, now) = ([event("a")], Instant::now());
        let (event, _) = choice.next(&found, now).expect("it is new");
        choice.written(event, None, now);
        assert!(choice.next(&found, now + WINDOW).is_none());
        assert_eq!(
            choice.next(&found, now + REPEAT).map(|(_, times)| times),
            Some(0)
        );
    }
}
