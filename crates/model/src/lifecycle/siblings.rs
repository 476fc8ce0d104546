//! Zombies that share parent, tracer and cgroup. Numbers are computed from these groups: there are
//! as many as parents, however many zombies they hold.

use std::collections::{BTreeMap, BTreeSet};

use super::packed::{Kin, Row, Shared};
use super::{Died, DiedBound};
use crate::events::{CgroupIds, Key, Process};

/// Some zombies, all of one parent, tracer and cgroup.
#[derive(Clone, Copy, Debug)]
pub struct Siblings<'a> {
    /// The oldest of them.
    pub key: Key,
    /// The parent that has to reap them.
    pub parent: Option<&'a Process>,
    /// The ptracer that holds them.
    pub tracer: Option<&'a Process>,
    /// Their cgroup.
    pub cgroups: CgroupIds,
    /// The death of the oldest.
    pub oldest: Died,
    by_death: &'a BTreeSet<Death>,
}

/// A death in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Death {
    at_ns: u64,
    tgid: u32,
    bound: DiedBound,
}

impl<'a> Siblings<'a> {
    /// The process that has to act, as in [`Record::responsible`](super::Record::responsible).
    pub fn responsible(&self) -> Option<&'a Process> {
        self.tracer.or(self.parent)
    }

    /// How many they are.
    pub fn count(&self) -> u64 {
        self.by_death.len() as u64
    }

    /// How many died at this moment or before.
    pub fn dead_by(&self, at_ns: u64) -> u64 {
        let (first, last) = (self.by_death.first(), self.by_death.last());
        if last.is_none_or(|last| last.at_ns <= at_ns) {
            return self.count();
        }
        if first.is_none_or(|first| first.at_ns > at_ns) {
            return 0;
        }
        // In a large group there are far more of these than others.
        let newest_first = self.by_death.iter().rev();
        let later = newest_first.take_while(|death| death.at_ns > at_ns);
        self.count() - later.count() as u64
    }

    /// Their PIDs with the times of death, oldest first.
    pub fn oldest_first(self) -> impl Iterator<Item = (u64, u32)> + 'a {
        self.by_death.iter().map(|death| (death.at_ns, death.tgid))
    }
}

/// All zombies of a table, by what they share.
#[derive(Debug, Default)]
pub(super) struct Families(BTreeMap<Kin, BTreeSet<Death>>);

impl Families {
    pub(super) fn insert(&mut self, row: &Row) {
        self.0.entry(row.kin).or_default().insert(death(row));
    }

    pub(super) fn remove(&mut self, row: &Row) {
        if let Some(deaths) = self.0.get_mut(&row.kin) {
            deaths.remove(&death(row));
            if deaths.is_empty() {
                self.0.remove(&row.kin);
            }
        }
    }

    pub(super) fn iter<'a>(
        &'a self,
        shared: &'a Shared,
        key_of: impl Fn(u32) -> Option<Key> + Clone + 'a,
    ) -> impl Iterator<Item = Siblings<'a>> + Clone {
        self.0.iter().filter_map(move |(&kin, by_death)| {
            let oldest = by_death.first()?;
            Some(Siblings {
                key: key_of(oldest.tgid)?,
                parent: shared.parent_of(kin),
                tracer: shared.tracer_of(kin),
                cgroups: shared.cgroups_of(kin),
                oldest: Died {
                    at_ns: oldest.at_ns,
                    bound: oldest.bound,
                },
                by_death,
            })
        })
    }

    /// Panics unless it has these rows and no others.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &[Row]) {
        let count: usize = self.0.values().map(BTreeSet::len).sum();
        assert_eq!(count, rows.len());
        assert!(
            rows.iter()
                .all(|row| self.0[&row.kin].contains(&death(row)))
        );
    }
}

fn death(row: &Row) -> Death {
    Death {
        at_ns: row.died_ns,
        tgid: row.tgid,
        bound: row.bound,
    }
}
