//! The open deaths, found by process or by its PID in a PID namespace. At most one per tgid, since
//! a PID is reused only after a release.

use std::collections::{BTreeMap, HashMap};
use std::iter;

use super::entry::{Entry, Identity};
use super::packed::{Row, Shared};
use super::siblings::{Families, Siblings};
use crate::events::{INITIAL_NAMESPACE, Key, NamespacePid};

/// All open deaths, at most `limit`.
#[derive(Debug)]
pub(super) struct Table {
    limit: usize,
    rows: Vec<Row>,
    shared: Shared,
    /// The place of each by its tgid.
    places: BTreeMap<u32, u32>,
    /// By numbers that are not tgids.
    by_number: HashMap<NamespacePid, u32>,
    families: Families,
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            rows: Vec::new(),
            shared: Shared::default(),
            places: BTreeMap::new(),
            by_number: HashMap::new(),
            families: Families::default(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.limit
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        let row = self.row_of(key.tgid)?;
        (row.key() == *key).then(|| self.shared.unpack(row))
    }

    /// In order of tgid.
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> {
        self.rows().map(|row| self.shared.unpack(row))
    }

    /// The same, as they are kept.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows_from(0)
    }

    /// The same from this tgid on.
    pub(super) fn rows_from(&self, tgid: u32) -> impl Iterator<Item = &Row> {
        let places = self.places.range(tgid..);
        places.map(|(_, place)| &self.rows[*place as usize])
    }

    /// Times of death and keys, in no order.
    pub(super) fn deaths(&self) -> impl Iterator<Item = (u64, Key)> {
        self.rows.iter().map(|row| (row.died_ns, row.key()))
    }

    /// All of them by what they share.
    pub(super) fn families(&self) -> impl Iterator<Item = Siblings<'_>> + Clone {
        self.families.iter(&self.shared, |tgid| self.key_of(tgid))
    }

    /// The key under which a process is open.
    pub(super) fn find(&self, who: Identity) -> Option<Key> {
        let row = self.row_of(who.key.tgid)?;
        row.identity().is(who).then(|| row.key())
    }

    /// The key of the zombie with this PID in a namespace.
    pub(super) fn find_number(&self, pid: NamespacePid) -> Option<Key> {
        let tgid = self.by_number.get(&pid).copied();
        let tgid = tgid.or((pid.namespace == INITIAL_NAMESPACE).then_some(pid.nr));
        self.key_of(tgid?)
    }

    /// The key of the open death with this tgid.
    pub(super) fn key_of(&self, tgid: u32) -> Option<Key> {
        self.row_of(tgid).map(Row::key)
    }

    /// The open death with this tgid.
    pub(super) fn of_tgid(&self, tgid: u32) -> Option<Entry> {
        self.row_of(tgid).map(|row| self.shared.unpack(row))
    }

    /// An open process with a PID of this process, which is not open.
    pub(super) fn rivals(&self, who: Identity, pids: &[NamespacePid]) -> Vec<Identity> {
        let by_number = pids.iter().filter_map(|pid| self.by_number.get(pid));
        let tgids = iter::once(&who.key.tgid).chain(by_number);
        let rows = tgids.filter_map(|tgid| self.row_of(*tgid));
        let mut rivals: Vec<_> = rows.map(Row::identity).collect();
        rivals.sort_unstable_by_key(|rival| rival.key);
        rivals.dedup_by_key(|rival| rival.key);
        rivals
    }

    /// Adds a death that is not in it, or returns it if there is no room.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<Entry> {
        if self.is_full() {
            return Some(entry);
        }
        let row = self.shared.pack(entry);
        self.places.insert(row.tgid, self.rows.len() as u32);
        self.note(&row);
        self.rows.push(row);
        None
    }

    /// Changes an open death; its key stays.
    pub(super) fn update<T>(
        &mut self,
        key: &Key,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let before = self.get(key)?;
        let mut entry = before.clone();
        let result = change(&mut entry);
        if entry != before {
            let place = self.places[&key.tgid] as usize;
            let new = self.shared.pack(entry);
            self.forget(place);
            self.note(&new);
            self.rows[place] = new;
        }
        Some(result)
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.get(key)?;
        let place = self.places.remove(&key.tgid)?;
        self.forget(place as usize);
        self.rows.swap_remove(place as usize);
        if let Some(moved) = self.rows.get(place as usize) {
            self.places.insert(moved.tgid, place);
        }
        if self.rows.len() < self.rows.capacity() / 4 {
            self.rows.shrink_to(2 * self.rows.len());
        }
        Some(entry)
    }

    fn row_of(&self, tgid: u32) -> Option<&Row> {
        let place = *self.places.get(&tgid)?;
        self.rows.get(place as usize)
    }

    /// Indexes a row by its PIDs, and by what it shares.
    fn note(&mut self, row: &Row) {
        self.families.insert(row);
        for pid in self.shared.pids(row) {
            if !is_tgid(pid, row) {
                self.by_number.insert(pid, row.tgid);
            }
        }
    }

    fn forget(&mut self, place: usize) {
        let row = &self.rows[place];
        self.families.remove(row);
        for pid in self.shared.pids(row) {
            if self.by_number.get(&pid) == Some(&row.tgid) {
                self.by_number.remove(&pid);
            }
        }
        self.shared.release(row);
    }

    /// Panics unless the indexes match the table.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.rows.len() <= self.limit);
        assert_eq!(self.rows.len(), self.places.len());
        let at = |tgid: &u32| &self.rows[self.places[tgid] as usize];
        assert!(self.places.keys().all(|tgid| at(tgid).tgid == *tgid));
        for (pid, tgid) in &self.by_number {
            let pids = self.shared.pids(at(tgid));
            assert!(pids.contains(pid), "stale number {pid:?}");
        }
        self.families.check(&self.rows);
        assert_eq!(self.rows.is_empty(), self.shared.is_empty());
    }
}

/// Whether it is the number by which the row is found anyway.
fn is_tgid(pid: NamespacePid, row: &Row) -> bool {
    pid.namespace == INITIAL_NAMESPACE && pid.nr == row.tgid
}

impl Row {
    pub(super) fn identity(&self) -> Identity {
        Identity {
            key: self.key(),
            exact: self.exact_start,
        }
    }
}
