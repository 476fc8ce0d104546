//! Recently closed deaths, to detect late or repeated events, and to explain processes that are
//! gone.

use std::collections::{BTreeMap, VecDeque};

use super::{
    How,
    entry::{Entry, Identity},
};
use crate::events::{Key, NamespacePid};

/// A closed death.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) who: Identity,
    /// When the event that closed it happened.
    pub(super) at_ns: u64,
    /// Its record; `None` if only its release was seen.
    pub(super) entry: Option<Entry>,
}

impl Closed {
    /// Whether it was closed because it needed no reaping.
    pub(super) fn is_autoreap(&self) -> bool {
        self.entry
            .as_ref()
            .and_then(|entry| entry.record.reap.as_ref())
            .is_some_and(|reap| reap.how == How::Autoreap)
    }
}

/// A ring of them: at most `limit`, each for at most `keep_ns`.
#[derive(Debug)]
pub(super) struct Recent {
    limit: usize,
    keep_ns: u64,
    /// `None` if one was taken out again.
    ring: VecDeque<Option<Closed>>,
    /// Position of the ring's start in the sequence of all closed ones.
    first: u64,
    places: BTreeMap<Key, u64>,
    /// The latest closing of one that was dropped for lack of room.
    dropped_ns: Option<u64>,
}

impl Recent {
    pub(super) fn new(limit: usize, keep_ns: u64) -> Self {
        Self {
            limit,
            keep_ns,
            ring: VecDeque::new(),
            first: 0,
            places: BTreeMap::new(),
            dropped_ns: None,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds one, in the place of an earlier one with the same key.
    pub(super) fn push(&mut self, closed: Closed) {
        if self.limit == 0 {
            self.dropped_ns = self.dropped_ns.max(Some(closed.at_ns));
            return;
        }
        while self.ring.len() >= self.limit {
            let dropped = self.pop();
            self.dropped_ns = self.dropped_ns.max(dropped.map(|closed| closed.at_ns));
        }
        let place = self.first + self.ring.len() as u64;
        if let Some(earlier) = self.places.insert(closed.who.key, place)
            && let Some(entry) = self.ring.get_mut((earlier - self.first) as usize)
        {
            *entry = None;
        }
        self.ring.push_back(Some(closed));
    }

    pub(super) fn find(&self, who: Identity) -> Option<&Closed> {
        let exact = self.places.get(&who.key);
        exact
            .and_then(|place| self.at(*place))
            .into_iter()
            .chain(self.of_tgid(who.key.tgid))
            .find(|closed| closed.who.is(who))
    }

    /// Whether one with this PID, of which no more is known, was closed at this moment or later.
    pub(super) fn closed_number_since(&self, pid: NamespacePid, at_ns: u64) -> bool {
        let unknown = self.of_tgid(pid.nr).filter(|it| it.who.key.start_ns == 0);
        let mut since = unknown.filter(|closed| closed.at_ns >= at_ns);
        since.any(|closed| {
            let entry = closed.entry.as_ref();
            entry.is_some_and(|entry| entry.record.pids == [pid])
        })
    }

    /// Whether one that was closed at this moment or later may have been dropped for lack of room.
    pub(super) fn has_forgotten_since(&self, at_ns: u64) -> bool {
        self.dropped_ns.is_some_and(|dropped| dropped >= at_ns)
    }

    /// Those with this tgid, in order of start.
    pub(super) fn of_tgid(&self, tgid: u32) -> impl DoubleEndedIterator<Item = &Closed> {
        let first = Key { tgid, start_ns: 0 };
        let last = Key {
            tgid,
            start_ns: u64::MAX,
        };
        let places = self.places.range(first..=last);
        places.filter_map(|(_, place)| self.at(*place))
    }

    pub(super) fn take(&mut self, key: Key) -> Option<Closed> {
        let place = self.places.remove(&key)?;
        self.ring.get_mut((place - self.first) as usize)?.take()
    }

    pub(super) fn expire(&mut self, now_ns: u64) {
        while let Some(front) = self.ring.front() {
            let at_ns = front.as_ref().map(|closed| closed.at_ns);
            if at_ns.is_some_and(|at_ns| now_ns.saturating_sub(at_ns) <= self.keep_ns) {
                break;
            }
            self.pop();
        }
    }

    /// Their records, latest closed first.
    pub(super) fn records(&self) -> impl Iterator<Item = &super::record::Record> {
        self.ring
            .iter()
            .rev()
            .flatten()
            .filter_map(|it| it.entry.as_ref())
            .map(|it| &it.record)
    }

    fn at(&self, place: u64) -> Option<&Closed> {
        self.ring.get((place - self.first) as usize)?.as_ref()
    }

    fn pop(&mut self) -> Option<Closed> {
        let front = self.ring.pop_front()?;
        self.first += 1;
        if let Some(closed) = &front {
            self.places.remove(&closed.who.key);
        }
        front
    }

    /// Panics unless the index matches the ring.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.ring.len() <= self.limit);
        assert_eq!(self.places.len(), self.ring.iter().flatten().count());
        for (key, place) in &self.places {
            assert_eq!(self.at(*place).map(|closed| closed.who.key), Some(*key));
        }
    }
}
