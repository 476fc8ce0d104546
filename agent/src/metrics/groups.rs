//! Counts by workload, for a bounded number of workloads.
//!
//! Once all places are taken, further workloads count under `~other` until a group that is gone is
//! dropped. What belongs to no known workload counts under `~unattributed`.

use std::collections::{BTreeMap, HashSet};

use super::labels::{OTHER, UNATTRIBUTED, clean};
use model::counts::Exits;
use model::workload::Workload;

/// How long a group stays after its workload is gone and the last count.
const KEEP_NS: u64 = 300_000_000_000;

/// The values of a group's labels: namespace, pod, container, unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels([String; 4]);

impl Labels {
    /// The labels of a workload; `~unattributed` if there is none, or if only its id is known.
    pub fn of(workload: Option<&Workload>) -> Self {
        let Some(workload) = workload.filter(|it| it.cgroup.is_some()) else {
            return Self::all(UNATTRIBUTED);
        };
        let values = [
            workload.namespace(),
            workload.pod(),
            workload.container(),
            workload.place.unit.as_deref(),
        ];
        Self(values.map(|value| clean(value.unwrap_or_default())))
    }

    /// The labels of something without a workload, such as the node.
    pub fn none() -> Self {
        Self::all("")
    }

    pub(super) fn all(value: &str) -> Self {
        Self([(); 4].map(|()| value.to_owned()))
    }

    pub(super) fn values(&self) -> [&str; 4] {
        self.0.each_ref().map(String::as_str)
    }

    pub(super) fn is_unattributed(&self) -> bool {
        self.0.iter().all(|value| value == UNATTRIBUTED)
    }

    fn is_special(&self) -> bool {
        self.is_unattributed() || self.0.iter().all(|value| value == OTHER)
    }
}

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
    use model::workload::Place;

    const SECOND: u64 = 1_000_000_000;

    fn unit(name: &str) -> Labels {
        Labels::of(Some(&Workload {
            cgroup: Some(format!("/{name}")),
            place: Place {
                unit: Some(name.to_owned()),
                ..Place::default()
            },
            ..Workload::default()
        }))
    }

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
    fn a_gone_group_is_dropped_after_five_minutes() {
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

    #[test]
    fn a_bare_cgroup_id_is_unattributed() {
        let bare = Workload {
            cgroup_id: None,
            ..Workload::default()
        };
        assert_eq!(Labels::of(Some(&bare)), Labels::all(UNATTRIBUTED));
        assert_eq!(Labels::of(None), Labels::all(UNATTRIBUTED));
        let root = Workload {
            cgroup: Some("/".to_owned()),
            ..bare
        };
        assert_eq!(Labels::of(Some(&root)), Labels::all(""));
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        let labels = unit(&format!("a\n{}", "x".repeat(80)));
        let unit = labels.values()[3];
        assert_eq!(unit.len(), 63);
        assert!(unit.starts_with("a\u{fffd}x"));
    }
}
