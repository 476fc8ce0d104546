//! Counts by workload, for a bounded number of workloads.
//!
//! Once all places are taken, further workloads count under `~other` until a group that is gone is
//! dropped. What belongs to no known workload counts under `~unattributed`.

use std::collections::{BTreeMap, HashSet};

use super::labels::{Labels, OTHER, UNATTRIBUTED};
use model::counts::Exits;

/// How long a group stays after its workload is gone and the last count.
const KEEP_NS: u64 = 300_000_000_000;

/// The counts of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) exits: Exits,
    pub(super) reaped: u64,
    pub(super) reaped_late: u64,
    pub(super) zombie_seconds: f64,
    pub(super) refused_forks: u64,
    /// Time of the last count.
    touched_ns: u64,
}

/// All groups: at most `limit`, plus the two special ones.
#[derive(Debug)]
pub(super) struct Groups {
    limit: usize,
    of: BTreeMap<Labels, Counts>,
}

impl Groups {
    pub(super) fn new(limit: usize) -> Self {
        let none = (Labels::all(UNATTRIBUTED), Counts::default());
        Self {
            limit,
            of: [none].into(),
        }
    }

    /// The group of a workload, or the special group it falls under.
    pub(super) fn admit(&mut self, labels: &Labels) -> Labels {
        if self.of.contains_key(labels) || labels.is_special() {
            return labels.clone();
        }
        let special = self.of.keys().filter(|it| it.is_special()).count();
        if self.of.len() - special < self.limit {
            labels.clone()
        } else {
            Labels::all(OTHER)
        }
    }

    /// The counts of a workload's group, for adding to them.
    pub(super) fn counts(&mut self, labels: &Labels, now_ns: u64) -> &mut Counts {
        let labels = self.admit(labels);
        let counts = self.of.entry(labels).or_default();
        counts.touched_ns = counts.touched_ns.max(now_ns);
        counts
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Labels, &Counts)> {
        self.of.iter()
    }

    /// Drops groups without recent counts that are not among those `there`.
    pub(super) fn expire(&mut self, there: &HashSet<Labels>, now_ns: u64) {
        self.of.retain(|labels, counts| {
            labels.is_special()
                || there.contains(labels)
                || now_ns.saturating_sub(counts.touched_ns) < KEEP_NS
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::tests::unit;

    const SECOND: u64 = 1_000_000_000;

    fn exits(groups: &Groups) -> u64 {
        groups.iter().map(|(_, counts)| counts.exits.total()).sum()
    }

    #[test]
    fn many_workloads_share_a_bounded_number_of_groups() {
        let mut groups = Groups::new(256);
        for n in 0..2_000 {
            for _ in 0..3 {
                let counts = groups.counts(&unit(&format!("{n}.service")), n * SECOND / 100);
                counts.exits.exited += 1;
            }
        }
        assert_eq!(groups.iter().count(), 256 + 2);
        assert_eq!(exits(&groups), 6_000);
        let other = groups.counts(&Labels::all(OTHER), 0);
        assert_eq!(other.exits.exited, (2_000 - 256) * 3);
    }

    #[test]
    fn the_group_of_a_removed_workload_is_dropped_after_five_minutes() {
        let mut groups = Groups::new(2);
        for name in ["a", "b", "c"] {
            groups.counts(&unit(name), SECOND).exits.exited += 1;
        }
        assert_eq!(groups.admit(&unit("c")), Labels::all(OTHER));
        let there = HashSet::from([unit("b")]);
        groups.expire(&there, 300 * SECOND);
        assert_eq!(groups.admit(&unit("c")), Labels::all(OTHER));
        groups.expire(&there, 302 * SECOND);
        assert_eq!(groups.admit(&unit("c")), unit("c"));
        assert_eq!(groups.admit(&unit("b")), unit("b"));
        let other = groups.counts(&Labels::all(OTHER), 0);
        assert_eq!(other.exits.exited, 1, "what was counted there stays");
    }
}
