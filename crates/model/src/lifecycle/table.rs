//! The open deaths, found by process or by its PID in a PID namespace. At most one per tgid, since
//! a PID is reused only after a release.

use std::collections::{BTreeMap, HashMap};

use super::Record;
use crate::events::{Key, NamespacePid, TICK_TOLERANCE_NS};

/// Inode number of the initial PID namespace, where a process' PID is its tgid:
/// [`PROC_PID_INIT_INO`](https://elixir.bootlin.com/linux/v6.12/A/ident/PROC_PID_INIT_INO).
const INITIAL_NAMESPACE: u32 = 0xEFFF_FFFC;

/// A process, and whether its start time is exact or from /proc.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) key: Key,
    pub(super) exact: bool,
}

impl Identity {
    pub(super) fn exact(key: Key) -> Self {
        Self { key, exact: true }
    }

    /// Whether both are the same process, as far as the less precise one can tell.
    pub(super) fn is(self, other: Self) -> bool {
        if self.exact && other.exact {
            self.key == other.key
        } else {
            self.key.is_roughly(other.key)
        }
    }

    /// The latest moment at which it can have started.
    pub(super) fn started_by_ns(self) -> u64 {
        self.key
            .start_ns
            .saturating_add(if self.exact { 0 } else { TICK_TOLERANCE_NS })
    }
}

/// One open death, with state that only the state machine needs.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) record: Record,
    /// Whether its start time is exact.
    pub(super) exact_start: bool,
    /// The moment as of which `record.parent` and `record.tracer` are valid.
    pub(super) told_ns: u64,
    /// End of the snapshot that found it, if one did.
    pub(super) found_ns: Option<u64>,
    /// Whether the real parent would auto-reap it once no tracer holds it.
    pub(super) parent_autoreaps: bool,
    /// When a snapshot should check it, while its death is only announced.
    pub(super) look_ns: u64,
}

impl Entry {
    pub(super) fn identity(&self) -> Identity {
        Identity {
            key: self.record.process.key,
            exact: self.exact_start,
        }
    }
}

/// All open deaths, at most `limit`.
#[derive(Debug)]
pub(super) struct Table {
    limit: usize,
    /// With the place of each in `order`. Boxed, since nodes of the tree are half empty.
    open: BTreeMap<Key, Box<(u64, Entry)>>,
    by_number: HashMap<NamespacePid, Key>,
    /// In order of opening, to find the oldest.
    order: BTreeMap<u64, Key>,
    opened: u64,
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            open: BTreeMap::new(),
            by_number: HashMap::new(),
            order: BTreeMap::new(),
            opened: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        self.open.get(key).map(|it| &it.1)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.open.get_mut(key).map(|it| &mut it.1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.open.values().map(|it| &it.1)
    }

    /// The key under which a process is open.
    pub(super) fn find(&self, who: Identity) -> Option<Key> {
        self.of_tgid(who.key.tgid)
            .find(|entry| entry.identity().is(who))
            .map(Entry::key)
    }

    /// The key of the zombie with this PID in a namespace.
    pub(super) fn find_number(&self, pid: NamespacePid) -> Option<Key> {
        self.by_number.get(&pid).copied().or_else(|| {
            let initial = pid.namespace == INITIAL_NAMESPACE;
            self.of_tgid(pid.nr)
                .next()
                .filter(|_| initial)
                .map(Entry::key)
        })
    }

    /// An open process with a PID of this process, which is not open.
    pub(super) fn rivals(&self, who: Identity, pids: &[NamespacePid]) -> Vec<Identity> {
        let by_number = pids.iter().filter_map(|pid| self.by_number.get(pid));
        let mut rivals: Vec<_> = self
            .of_tgid(who.key.tgid)
            .chain(by_number.filter_map(|key| self.get(key)))
            .map(Entry::identity)
            .collect();
        rivals.sort_unstable_by_key(|rival| rival.key);
        rivals.dedup_by_key(|rival| rival.key);
        rivals
    }

    /// Adds a death that is not in it; returns the oldest one if there was no room.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let oldest = self.order.first_key_value().map(|(_, key)| *key);
        let evicted = oldest
            .filter(|_| self.is_full())
            .and_then(|key| self.remove(&key));
        let key = entry.key();
        self.order.insert(self.opened, key);
        self.open.insert(key, Box::new((self.opened, entry)));
        self.opened += 1;
        self.index(&key);
        evicted
    }

    /// Indexes it by the PIDs of its record.
    pub(super) fn index(&mut self, key: &Key) {
        if let Some(entry) = self.open.get(key).map(|it| &it.1) {
            self.by_number
                .extend(entry.record.pids.iter().map(|pid| (*pid, *key)));
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let (opened, entry) = *self.open.remove(key)?;
        self.order.remove(&opened);
        for pid in &entry.record.pids {
            if self.by_number.get(pid) == Some(key) {
                self.by_number.remove(pid);
            }
        }
        Some(entry)
    }

    /// The open death of a tgid.
    pub(super) fn of_tgid(&self, tgid: u32) -> impl Iterator<Item = &Entry> {
        let first = Key { tgid, start_ns: 0 };
        let last = Key {
            tgid,
            start_ns: u64::MAX,
        };
        self.open.range(first..=last).map(|(_, it)| &it.1)
    }

    /// Panics unless the indexes match the table.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.open.len() <= self.limit);
        assert_eq!(self.open.len(), self.order.len());
        assert!(
            self.order
                .iter()
                .all(|(opened, key)| self.open[key].0 == *opened)
        );
        for (pid, key) in &self.by_number {
            assert!(
                self.open[key].1.record.pids.contains(pid),
                "stale number {pid:?}"
            );
        }
        let tgids: std::collections::BTreeSet<_> = self.open.keys().map(|key| key.tgid).collect();
        assert_eq!(tgids.len(), self.open.len(), "two open deaths of one tgid");
    }
}

impl Entry {
    pub(super) fn key(&self) -> Key {
        self.record.process.key
    }
}
