//! Zombies for which the table has no room. Each is counted with the process that has to reap it,
//! so that counts, rates and the worst parents stay right; a snapshot corrects what was counted
//! wrong.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use crate::events::{Key, Process};

/// The most holders with a count of their own; what others hold is one count.
const HOLDERS: usize = 4_096;
/// The most zombies that are remembered for having died after a snapshot began.
const FRESH: usize = 65_536;

/// The count of one holder, or of all that have none of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    process: Option<Process>,
    zombies: u64,
}

/// Numbers of zombies that are not in the table.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    /// By tgid of the holder; 0 for all others.
    of: BTreeMap<u32, Count>,
    /// When the last ones died and who holds them: a snapshot begun before need not show them.
    fresh: VecDeque<(u64, Option<Process>)>,
}

/// How the count of a snapshot differs from that of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) found: u64,
    pub(super) vanished: u64,
}

impl Unlisted {
    pub(super) fn total(&self) -> u64 {
        self.of.values().map(|count| count.zombies).sum()
    }

    /// The holders with a count of their own.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&Process, u64)> {
        let counts = self.of.values();
        counts.filter_map(|count| Some((count.process.as_ref()?, count.zombies)))
    }

    /// One died, or was adopted.
    pub(super) fn add(&mut self, holder: Option<Process>, at_ns: u64) {
        if self.fresh.len() == FRESH {
            self.fresh.pop_front();
        }
        self.fresh.push_back((at_ns, holder));
        self.count(holder);
    }

    /// One that this process held is gone, or is listed now. Whether there was one.
    pub(super) fn take(&mut self, holder: Option<Key>) -> bool {
        let own = holder.and_then(|key| {
            let count = self.of.get(&key.tgid)?;
            let is_it = count.process.is_some_and(|it| it.key.is_roughly(key));
            is_it.then_some(key.tgid)
        });
        let tgid = own.unwrap_or(0);
        let Some(count) = self.of.get_mut(&tgid) else {
            return false;
        };
        count.zombies -= 1;
        if count.zombies == 0 {
            self.of.remove(&tgid);
        }
        true
    }

    /// A holder has died: others have adopted what it held, and count it.
    pub(super) fn drop_holder(&mut self, holder: Key) {
        let is_it = |count: &Count| count.process.is_some_and(|it| it.key.is_roughly(holder));
        if self.of.get(&holder.tgid).is_some_and(is_it) {
            self.of.remove(&holder.tgid);
        }
    }

    /// Takes the counts of a snapshot that began at `begun_ns`. Only events tell how many are left of
    /// those it shows whose deaths were held back then.
    pub(super) fn recount(&mut self, shown: Self, held: &Self, begun_ns: u64) -> Difference {
        self.fresh.retain(|(at_ns, _)| *at_ns >= begun_ns);
        let fresh = mem::take(&mut self.fresh);
        let before = self.total().saturating_sub(fresh.len() as u64);
        let known = mem::replace(&mut self.of, shown.of);
        for (_, holder) in &fresh {
            self.count(*holder);
        }
        for (tgid, held) in &held.of {
            let of = |counts: &BTreeMap<u32, Count>| counts.get(tgid).map_or(0, |it| it.zombies);
            let left = of(&known).saturating_sub(of(&self.of)).min(held.zombies);
            if left > 0 {
                let count = self.of.entry(*tgid).or_default();
                count.process = count.process.or(held.process);
                count.zombies += left;
            }
        }
        let now = self.total() - fresh.len() as u64;
        self.fresh = fresh;
        Difference {
            found: now.saturating_sub(before),
            vanished: before.saturating_sub(now),
        }
    }

    /// Counts one that a snapshot shows.
    pub(super) fn count(&mut self, holder: Option<Process>) {
        let has_room = self.of.len() < HOLDERS;
        let own = holder.filter(|holder| {
            self.of.get(&holder.key.tgid).map_or(has_room, |count| {
                let process = count.process.as_ref();
                process.is_some_and(|it| it.key.is_roughly(holder.key))
            })
        });
        let count = self.of.entry(own.map_or(0, |it| it.key.tgid)).or_default();
        count.process = count.process.or(own);
        count.zombies += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as `Unlisted` takes them")]
    fn holder(tgid: u32) -> Option<Process> {
        Some(Process::new(tgid, 100, "holder"))
    }

    fn key(tgid: u32) -> Option<Key> {
        holder(tgid).map(|it| it.key)
    }

    fn counts(unlisted: &Unlisted) -> Vec<(u32, u64)> {
        let holders = unlisted.holders();
        holders.map(|(it, count)| (it.key.tgid, count)).collect()
    }

    #[test]
    fn each_holder_has_its_count() {
        let mut unlisted = Unlisted::default();
        for tgid in [7, 7, 8] {
            unlisted.add(holder(tgid), 1);
        }
        unlisted.add(None, 1);
        assert_eq!(
            (unlisted.total(), counts(&unlisted)),
            (4, vec![(7, 2), (8, 1)])
        );
        assert!(unlisted.take(key(8)));
        assert!(
            unlisted.take(key(8)),
            "it may have adopted what nobody is known for"
        );
        assert!(!unlisted.take(key(8)));
        unlisted.drop_holder(key(7).unwrap());
        assert_eq!(unlisted.total(), 0);
    }

    #[test]
    fn a_snapshot_corrects_the_counts_and_keeps_those_who_died_since() {
        let mut unlisted = Unlisted::default();
        for at_ns in [1, 2, 30] {
            unlisted.add(holder(7), at_ns);
        }
        let shown = |holders: &[u32]| {
            let mut shown = Unlisted::default();
            for tgid in holders {
                shown.count(holder(*tgid));
            }
            shown
        };
        let lost = unlisted.recount(shown(&[7]), &shown(&[]), 20);
        assert_eq!((lost.found, lost.vanished), (0, 1));
        assert_eq!(counts(&unlisted), [(7, 2)]);
        let found = unlisted.recount(shown(&[7, 7, 8]), &shown(&[]), 40);
        assert_eq!((found.found, found.vanished), (1, 0));
        assert_eq!(counts(&unlisted), [(7, 2), (8, 1)]);
        // Of three that were held back, two were reported since, and one was reaped before.
        unlisted.add(holder(8), 30);
        unlisted.add(holder(9), 30);
        let none = unlisted.recount(shown(&[7, 7, 8]), &shown(&[7, 8, 9]), 50);
        assert_eq!((none.found, none.vanished), (0, 0));
        assert_eq!(counts(&unlisted), [(7, 2), (8, 2), (9, 1)]);
    }
}
