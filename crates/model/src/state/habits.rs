//! How zombies were held and children reaped of late, by one process or by all of a workload.

use std::collections::BTreeMap;

use api::Seconds;

use super::State;
use crate::answers::{finished, process};
use crate::lifecycle::Record;
use crate::parents::{self, Row};

/// Ends of the ranges of zombie times: 100 µs to a minute.
const BUCKETS_NS: [u64; 7] = [
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
];
/// How many reaped children are shown.
const LAST_REAPS: usize = 5;

impl State {
    /// What the processes of a workload did that hold zombies, or reaped a child in the last
    /// minute; without a cgroup, those outside of containers, pods and units.
    pub fn workload(&mut self, cgroup: Option<&str>, now_ns: u64) -> api::WorkloadHabits {
        let mut rows = self.rows(now_ns);
        rows.retain(|row| self.cgroup_of(row, now_ns).as_deref() == cgroup);
        api::WorkloadHabits {
            head: self.head(now_ns),
            parents: rows.len() as u64,
            habits: self.habits(&rows.iter().collect::<Vec<_>>(), now_ns),
        }
    }

    /// The cgroup of a parent that is in a container, pod or unit.
    pub(super) fn cgroup_of(&mut self, row: &Row, now_ns: u64) -> Option<String> {
        let workload = self.workloads.of_process(row.process.key, now_ns)?;
        workload.container_for_answer()?.cgroup
    }

    /// What these parents did together.
    pub(super) fn habits(&self, parents: &[&Row], now_ns: u64) -> api::Habits {
        let times = |row: &&Row| self.parents.zombie_times(row.process.key);
        let mut times_ns: Vec<u64> = parents.iter().flat_map(times).collect();
        times_ns.sort_unstable();
        let percentile = |percent| parents::quantile(&times_ns, percent).map(Seconds::of_ns);
        let mut zombies_last_minute = Vec::new();
        for row in parents {
            let course = self.parents.course(row, now_ns);
            zombies_last_minute.resize(course.len().max(zombies_last_minute.len()), 0);
            for (sum, zombies) in zombies_last_minute.iter_mut().zip(course) {
                *sum += zombies;
            }
        }
        api::Habits {
            p50_seconds: percentile(50),
            p99_seconds: percentile(99),
            zombie_times: histogram(&times_ns),
            zombies_last_minute,
            last_reaps: self.last_reaps(parents),
        }
    }

    fn last_reaps(&self, parents: &[&Row]) -> Vec<api::LastReap> {
        let reapers = parents.iter().map(|row| row.process.key);
        let reapers: BTreeMap<_, _> = reapers.map(|key| (key.tgid, key)).collect();
        let is_by = |record: &&Record| {
            let by = record.reap.as_ref().and_then(|reap| reap.by.as_ref());
            by.is_some_and(|by| {
                let reaper = reapers.get(&by.key.tgid);
                reaper.is_some_and(|reaper| by.key.is_roughly(*reaper))
            })
        };
        let reaps = self.lifecycle.recent().filter(is_by).take(LAST_REAPS);
        let shown = |record: &Record| {
            let death = finished(self.wall, record, [None, None]);
            api::LastReap {
                process: process(self.wall, &record.process),
                exit: death.exit,
                reaped_at: death.reaped_at,
                zombie_seconds: death.zombie_seconds,
            }
        };
        reaps.map(shown).collect()
    }
}

/// How many of these times, which are sorted, are in each range.
fn histogram(times_ns: &[u64]) -> Vec<api::Bucket> {
    if times_ns.is_empty() {
        return Vec::new();
    }
    let ends = BUCKETS_NS.into_iter().map(Some).chain([None]);
    let mut below = 0;
    let bucket = |end_ns: Option<u64>| {
        let up_to = end_ns.map_or(times_ns.len(), |end_ns| {
            times_ns.partition_point(|ns| *ns <= end_ns)
        });
        api::Bucket {
            up_to_seconds: end_ns.map(Seconds::of_ns),
            count: (up_to - std::mem::replace(&mut below, up_to)) as u64,
        }
    };
    ends.map(bucket).collect()
}
