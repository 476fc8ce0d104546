//! Events in the order in which the state takes them: those from the ring, and those that first
//! wait for events with more details.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{Ordering, fence};

use super::{host, job::Job, tally::Tally};
use crate::probes::{Attached, Pidfds, Readable};
use model::events::{self, Event, Freed, HungUp, Key, Malformed};
use model::lifecycle::Lifecycle;

/// How long a snapshot waits for events that were in flight when it was taken, and an upper bound
/// of a reap for the exact time.
pub(super) const SETTLE_NS: u64 = 200_000_000;
/// Maximum number of freed processes that wait for details of their reap.
const FREED_AT_ONCE: usize = 65_536;
/// Age at which a zombie is watched through a pidfd.
const WATCH_AFTER_NS: u64 = 1_000_000_000;

/// The pidfds, and the zombies that no longer exist.
pub(super) type Watched = (Pidfds, Vec<Key>);

/// Where events come from.
pub(super) struct Intake {
    pub(super) tally: Tally,
    pub(super) page_size: u64,
    /// Used only if a reap can go unseen, and taken while `watching`.
    pidfds: Option<Pidfds>,
    watching: Job<Watched>,
    /// There are zombies that are not watched although they should be.
    pub(super) is_crowded: bool,
    /// Upper bounds of reaps, waiting for events with the exact time: a waiter that has reaped may
    /// wait for a CPU before its call returns.
    hung_up: VecDeque<HungUp>,
    freed: VecDeque<Freed>,
}

impl Intake {
    pub(super) fn new(pidfds: Option<Pidfds>) -> Self {
        Self {
            tally: Tally::default(),
            page_size: host::page_size(),
            pidfds,
            watching: Job::default(),
            is_crowded: false,
            hung_up: VecDeque::new(),
            freed: VecDeque::new(),
        }
    }

    /// The next event in the ring that need not wait.
    pub(super) fn next(&mut self, kernel: &mut Attached, dead: &Lifecycle) -> Option<Event> {
        loop {
            // The kernel wakes us only for a record that finds the ring read to its end. Without
            // the fence, it might not see yet that we have read so far, nor we that record.
            fence(Ordering::SeqCst);
            let record = kernel.events.next()?;
            match events::decode(&record, self.page_size) {
                Ok(Event::Freed(freed))
                    if self.freed.len() < FREED_AT_ONCE && !dead.awaits_free(freed.dead) =>
                {
                    self.freed.push_back(freed);
                }
                decoded => {
                    if let Some(event) = self.decoded(decoded) {
                        return Some(event);
                    }
                }
            }
        }
    }

    /// Counts an event, or a record that is none.
    pub(super) fn decoded(&mut self, decoded: Result<Event, Malformed>) -> Option<Event> {
        match decoded {
            Ok(event) => {
                self.tally.event(&event);
                Some(event)
            }
            Err(error) => {
                self.tally.malformed += 1;
                log::debug!("dropping a malformed record: {error}");
                None
            }
        }
    }

    /// The next event that has waited long enough.
    pub(super) fn next_due(&mut self, now_ns: u64) -> Option<Event> {
        let is_due = |at_ns: u64| at_ns + SETTLE_NS <= now_ns;
        let event = if self.freed.front().is_some_and(|it| is_due(it.at_ns)) {
            Event::Freed(self.freed.pop_front()?)
        } else {
            self.hung_up.front().filter(|it| is_due(it.at_ns))?;
            Event::HungUp(self.hung_up.pop_front()?)
        };
        self.tally.event(&event);
        Some(event)
    }

    /// Whether there are events that wait.
    pub(super) fn is_waiting(&self) -> bool {
        !(self.freed.is_empty() && self.hung_up.is_empty())
    }

    /// What becomes readable when a watched zombie is gone.
    pub(super) fn hang_ups(&self) -> io::Result<Option<Readable>> {
        self.pidfds.as_ref().map(Readable::new).transpose()
    }

    pub(super) fn note_hang_ups(&mut self, at_ns: u64) {
        let gone = self.pidfds.as_mut().map(Pidfds::hung_up);
        self.note_gone(gone.unwrap_or_default(), at_ns);
    }

    /// Begins to watch those of these zombies that are old enough, unless that is still under way.
    pub(super) fn watch(&mut self, zombies: &Lifecycle, now_ns: u64) {
        let Some(most) = self.pidfds.as_ref().map(Pidfds::most) else {
            return;
        };
        let aged = zombies.dead_at(now_ns.saturating_sub(WATCH_AFTER_NS), most);
        let has_work = |pidfds: &mut Pidfds| !(aged.is_empty() && pidfds.is_empty());
        if let Some(mut pidfds) = self.pidfds.take_if(has_work) {
            self.watching.start(move || {
                let gone = pidfds.watch(aged.into_iter());
                (pidfds, gone)
            });
        }
    }

    /// Resolves when the zombies are watched.
    pub(super) async fn watched(&mut self) -> Option<Watched> {
        self.watching.done().await
    }

    /// Takes the pidfds back, and notes reaps without an event, such as by io_uring with the free
    /// event lost.
    pub(super) fn note_watched(&mut self, (pidfds, gone): Watched, at_ns: u64) {
        self.is_crowded = pidfds.is_crowded();
        self.pidfds = Some(pidfds);
        self.note_gone(gone, at_ns);
        self.note_hang_ups(at_ns);
    }

    fn note_gone(&mut self, gone: Vec<Key>, at_ns: u64) {
        let gone = gone.into_iter().map(|dead| HungUp { at_ns, dead });
        self.hung_up.extend(gone);
    }
}
