//! The metrics page. Only this part knows Prometheus' format.
//!
//! Finished deaths and corrections are counted as they happen; everything else is read from a
//! [`Sample`] at scrape time and not stored.

mod families;
mod groups;
mod labels;
mod metric;
mod ordinary;
mod page;
mod sample;
mod scrape;
mod text;
mod times;

#[cfg(test)]
mod death_tests;
#[cfg(test)]
mod document;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use prometheus::HistogramVec;

use groups::Groups;
pub use labels::Labels;
use metric::{Kind, Observe};
use model::counts::{ExitKind, Exits};
use model::events::{Key, Steps};
use model::lifecycle::{Correction, Record};
use model::workload::Workload;
pub use page::Page;
pub use sample::{Events, Holder, PidTable, Present, Sample, Table};
use scrape::{Group, Scrape};
use wire::Count;

/// What is counted between scrapes.
pub struct Metrics {
    histograms: Vec<(&'static Observe, HistogramVec)>,
    groups: Groups,
    step_seconds: BTreeMap<&'static str, f64>,
    corrections: HashMap<Correction, u64>,
    /// Counted as reaped and corrected since: they are zombies.
    taken_back: HashSet<Key>,
    /// Known only by their PID.
    lost_exits: Exits,
    lost_reaps: u64,
    stale_threshold: Duration,
}

impl Metrics {
    /// All metrics at 0. A zombie older than `stale_threshold` counts as reaped late; at most
    /// `max_groups` workloads get their own series.
    pub fn new(stale_threshold: Duration, max_groups: usize) -> Self {
        let histogram = |metric: &&'static metric::Metric| match &metric.kind {
            Kind::Histogram(observe) => Some((observe, observe.histogram(metric))),
            Kind::Counter(_) | Kind::Gauge(_) => None,
        };
        Self {
            histograms: families::ALL.iter().filter_map(histogram).collect(),
            groups: Groups::new(max_groups),
            step_seconds: BTreeMap::new(),
            corrections: HashMap::new(),
            taken_back: HashSet::new(),
            lost_exits: Exits::default(),
            lost_reaps: 0,
            stale_threshold,
        }
    }

    /// Counts a death.
    pub fn exited(&mut self, kind: ExitKind, workload: Option<&Workload>, now_ns: u64) {
        let counts = self.groups.counts(&Labels::of(workload), now_ns);
        *counts.exits.of(kind) += 1;
    }

    /// Undoes the count of a death that turned out to be incomplete; it will complete again.
    pub fn take_back(&mut self, dead: Key) {
        self.taken_back.insert(dead);
    }

    /// Drops groups whose workload is not among those `there` and has not been for a while.
    pub fn expire(&mut self, there: &HashSet<Labels>, now_ns: u64) {
        self.groups.expire(there, now_ns);
    }

    /// Counts a complete death of a process in this workload.
    pub fn finished(&mut self, record: &Record, workload: Option<&Workload>, now_ns: u64) {
        for (observe, histogram) in &self.histograms {
            observe.count(record, histogram);
        }
        for (step, ns) in record.steps.as_deref().into_iter().flat_map(Steps::each) {
            if let Some(ns) = ns {
                *self.step_seconds.entry(step.into()).or_default() +=
                    Duration::from_nanos(ns).as_secs_f64();
            }
        }
        let counts = self.groups.counts(&Labels::of(workload), now_ns);
        if !self.taken_back.remove(&record.process.key) {
            counts.reaped += 1;
        }
        if let Some(zombie) = times::zombie(record) {
            counts.zombie_seconds += zombie.as_secs_f64();
            counts.reaped_late += u64::from(zombie > self.stale_threshold);
        }
    }

    /// Counts deaths in this workload that the kernel side has counted, with their reaps. None was
    /// late.
    pub fn add_ordinary(&mut self, workload: &Labels, new: Count, now_ns: u64) {
        let counts = self.groups.counts(workload, now_ns);
        counts.exits.exited += new.deaths;
        counts.reaped += new.deaths;
        counts.zombie_seconds += Duration::from_nanos(new.zombie_ns).as_secs_f64();
    }

    /// Counts forks refused by the limit of a cgroup.
    pub fn refused_forks(&mut self, workload: &Labels, forks: u64, now_ns: u64) {
        self.groups.counts(workload, now_ns).refused_forks += forks;
    }

    /// Counts so many corrections of a kind.
    pub fn corrected(&mut self, correction: Correction, count: u64) {
        *self.corrections.entry(correction).or_default() += count;
    }

    /// The state for one scrape, to be written elsewhere.
    pub fn scrape(&mut self, sample: Sample) -> Page {
        self.lost_exits = self.lost_exits.max(sample.lost_exits);
        // A snapshot may find zombies whose loss was counted as a reap; the counter must not fall.
        self.lost_reaps = self.lost_reaps.max(sample.lost_reaps);
        let histograms = self.histograms.iter();
        let histograms =
            histograms.map(|(observe, it)| observe.with_ordinary(it, &sample.ordinary));
        Page {
            histograms: histograms.collect(),
            scrape: Scrape {
                groups: self.groups_with(&sample.present, sample.now_ns),
                step_seconds: self.step_seconds.clone(),
                corrections: self.corrections.clone(),
                sample,
            },
        }
    }

    /// Every group with the current numbers of its workloads, which keep its place.
    fn groups_with(
        &mut self,
        present: &BTreeMap<Labels, Present>,
        now_ns: u64,
    ) -> BTreeMap<Labels, Group> {
        for workload in present.keys() {
            self.groups.counts(workload, now_ns);
        }
        let group = |(labels, counts): (&Labels, &groups::Counts)| {
            let mut counts = *counts;
            if labels.is_unattributed() {
                counts.exits = counts.exits.plus(self.lost_exits);
                counts.reaped += self.lost_reaps;
            }
            let present = Present::default();
            (labels.clone(), Group { counts, present })
        };
        let mut groups: BTreeMap<_, _> = self.groups.iter().map(group).collect();
        for (workload, of_it) in present {
            if let Some(group) = groups.get_mut(&self.groups.admit(workload)) {
                group.present.join(*of_it);
            }
        }
        groups
    }
}
