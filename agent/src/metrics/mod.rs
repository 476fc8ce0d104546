//! The page for Prometheus: the only part that knows its format.
//!
//! Finished deaths and repairs are counted as they come; everything else is read from a
//! [`Sample`] when somebody asks, and kept nowhere.

mod families;
mod groups;
mod labels;
mod sample;

#[cfg(test)]
mod death_tests;
#[cfg(test)]
mod document;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use prometheus::{IntCounter, IntGaugeVec, TextEncoder};

use crate::events::{Key, Steps};
use crate::lifecycle::{Correction, DiedBound, How, Record};
use crate::workload::{Workload, pods::Failure};
use families::Families;
use groups::Groups;
pub use groups::Labels;
pub use sample::{Events, ExitKind, Exits, Holder, Lost, PidTable, Present, Sample};

/// All metrics of one agent.
pub struct Metrics {
    families: Families,
    groups: Groups,
    /// Counted as reaped, and taken back since: they lie there all the same.
    taken_back: HashSet<Key>,
    /// Known by their number alone.
    lost_exits: Exits,
    lost_reaps: u64,
    stale_threshold: Duration,
}

impl Metrics {
    /// Every metric at 0. A zombie older than `stale_threshold` counts as reaped late; at most
    /// `max_groups` workloads have series of their own.
    pub fn new(stale_threshold: Duration, max_groups: usize) -> Self {
        let families = Families::register();
        for how in labels::HOWS {
            families.zombie_duration.with_label_values(&[how.name()]);
        }
        // Those that people send; any other has its series from its first death on.
        for signal in ["SIGKILL", "SIGTERM"] {
            families.kill_duration.with_label_values(&[signal]);
        }
        for correction in labels::CORRECTIONS {
            families
                .corrections
                .with_label_values(&[labels::correction(correction)]);
        }
        families
            .build_info
            .with_label_values(&[env!("CARGO_PKG_VERSION"), std::env::consts::ARCH])
            .set(1);
        Self {
            families,
            groups: Groups::new(max_groups),
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

    /// A death that was counted as complete is not: it will be complete again.
    pub fn take_back(&mut self, dead: Key) {
        self.taken_back.insert(dead);
    }

    /// Gives up groups whose workload is not among those `there` and was not for a while.
    pub fn expire(&mut self, there: &HashSet<Labels>, now_ns: u64) {
        self.groups.expire(there, now_ns);
    }

    /// Counts a death that is complete, of a process of this workload.
    pub fn finished(&mut self, record: &Record, workload: Option<&Workload>, now_ns: u64) {
        let counts = self.groups.counts(&Labels::of(workload), now_ns);
        if !self.taken_back.remove(&record.process.key) {
            counts.reaped += 1;
        }
        let exactly_died = (record.died.bound == DiedBound::Exact).then_some(record.died.at_ns);
        if let Some(exit) = between(record.begin_ns, exactly_died) {
            self.families.exit_duration.observe(exit.as_secs_f64());
        }
        for (step, ns) in record.steps.iter().flat_map(Steps::each) {
            if let Some(ns) = ns {
                self.families
                    .exit_steps
                    .with_label_values(&[step])
                    .inc_by(Duration::from_nanos(ns).as_secs_f64());
            }
        }
        if let Some(kill) = &record.kill
            && let Some(time) = between(Some(kill.at_ns), exactly_died)
        {
            let signal = labels::signal(kill.signal);
            self.families
                .kill_duration
                .with_label_values(&[signal])
                .observe(time.as_secs_f64());
        }
        let Some(reap) = &record.reap else { return };
        // One that was released as it died was no zombie at all, however vaguely the moment of
        // its death is known. One that lay dead until an adopter's auto-reap was.
        let at_once =
            reap.how == How::Autoreap && reap.at_ns.is_none_or(|at_ns| at_ns <= record.died.at_ns);
        let zombie = if at_once {
            Some(Duration::ZERO)
        } else if reap.at_is_upper_bound {
            None
        } else {
            between(Some(record.died.at_ns), reap.at_ns)
        };
        let Some(zombie) = zombie else { return };
        counts.zombie_seconds += zombie.as_secs_f64();
        if zombie > self.stale_threshold {
            counts.reaped_late += 1;
        }
        if at_once || exactly_died.is_some() {
            let how = reap.how.name();
            self.families
                .zombie_duration
                .with_label_values(&[how])
                .observe(zombie.as_secs_f64());
        }
    }

    /// Counts forks that the limit of a cgroup refused.
    pub fn refused_forks(&mut self, workload: &Labels, forks: u64, now_ns: u64) {
        self.groups.counts(workload, now_ns).refused_forks += forks;
    }

    /// Counts a repair.
    pub fn corrected(&mut self, correction: Correction) {
        self.families
            .corrections
            .with_label_values(&[labels::correction(correction)])
            .inc();
    }

    /// The page, in the text format 0.0.4.
    pub fn render(&mut self, sample: &Sample) -> String {
        self.take_totals(sample);
        self.take_state(sample);
        self.take_groups(sample);
        let mut page = String::new();
        if let Err(error) =
            TextEncoder::new().encode_utf8(&self.families.registry.gather(), &mut page)
        {
            // Only a family without a name or series is refused, and none is gathered.
            log::error!("cannot write the page of metrics: {error}");
        }
        page
    }

    fn take_totals(&mut self, sample: &Sample) {
        let Sample {
            lost,
            events,
            lookups_failed: failed,
            pod_watch,
            cri,
            ..
        } = sample;
        if let Some(watched) = pod_watch {
            let up = self.families.pod_watch_up.with_label_values(&[] as &[&str]);
            up.set(watched.up.into());
        }
        let failures = pod_watch.unwrap_or_default().failures;
        for ((_, reason), total) in Failure::ALL.iter().zip(&failures) {
            let counter = &self.families.pod_watch_failures;
            raise(&counter.with_label_values(&[reason]), *total);
        }
        let lookups = &self.families.lookups_failed;
        for (reason, total) in [
            ("gone", failed.gone),
            ("busy", failed.busy),
            ("unnamed", failed.unnamed),
        ] {
            raise(&lookups.with_label_values(&[reason]), total);
        }
        for ((failure, reason), total) in Failure::ALL
            .iter()
            .zip(cri.iter().flat_map(|it| it.failures))
        {
            // Nothing expires there.
            if *failure != Failure::Expired {
                raise(
                    &lookups.with_label_values(&[format!("cri_{reason}")]),
                    total,
                );
            }
        }
        for (reason, total) in lost.by_reason() {
            raise(
                &self.families.events_lost.with_label_values(&[reason]),
                total,
            );
        }
        for (event, total) in [
            ("death", events.death),
            ("release", events.release),
            ("waited", events.waited),
            ("freed", events.freed),
            ("renotified", events.renotified),
            ("hung_up", events.hung_up),
            ("cgroup_made", events.cgroup_made),
        ] {
            raise(&self.families.events.with_label_values(&[event]), total);
        }
    }

    fn take_state(&mut self, sample: &Sample) {
        let families = &self.families;
        families.parent_stale_zombies.reset();
        for (workload, comm, zombies) in labels::top_parents(&sample.parents) {
            families
                .parent_stale_zombies
                .with_label_values(&workload.with(&comm))
                .set(zombies as i64);
        }
        families.culprits.reset();
        // So that each verdict is there before anybody is a culprit.
        let nobody = Labels::all("");
        for verdict in &sample.verdicts {
            let gauge = families.culprits.with_label_values(&nobody.with(verdict));
            gauge.set(0);
        }
        for ((workload, verdict), culprits) in &sample.culprits {
            let gauge = families.culprits.with_label_values(&workload.with(verdict));
            gauge.set(*culprits as i64);
        }
        let pids = [
            &families.pids_used,
            &families.pids_limit,
            &families.pids_zombies,
        ];
        pids.into_iter().for_each(IntGaugeVec::reset);
        for table in &sample.pids {
            let scope = labels::tail(&table.scope);
            let scope = table.workload.with(&scope);
            let values = [Some(table.used), Some(table.limit), table.zombies];
            for (gauge, value) in pids.iter().zip(values) {
                if let Some(value) = value {
                    gauge.with_label_values(&scope).set(value as i64);
                }
            }
        }
        families.probe_info.reset();
        for (probe, hook) in &sample.probes {
            let values = [labels::clean(probe), labels::clean(hook)];
            families.probe_info.with_label_values(&values).set(1);
        }
    }
}

/// The groups' series, made anew at each scrape.
impl Metrics {
    fn take_groups(&mut self, sample: &Sample) {
        self.lost_exits = self.lost_exits.max(sample.lost_exits);
        // A snapshot may find zombies whose loss was counted as a reap; a counter stays then.
        self.lost_reaps = self.lost_reaps.max(sample.lost_reaps);
        let mut present = BTreeMap::<_, Present>::new();
        for (workload, of_it) in &sample.present {
            // They hold its place.
            self.groups.counts(workload, sample.now_ns);
            let group = self.groups.admit(workload);
            present.entry(group).or_default().join(*of_it);
        }
        self.forget_series();
        let families = &self.families;
        for (labels, counts) in self.groups.iter() {
            let mut counts = *counts;
            if labels.is_unattributed() {
                counts.exits = counts.exits.plus(self.lost_exits);
                counts.reaped += self.lost_reaps;
            }
            let values = labels.values();
            let reaped = families.reaped.with_label_values(&values);
            reaped.inc_by(counts.reaped);
            let late = families.reaped_late.with_label_values(&values);
            late.inc_by(counts.reaped_late);
            let seconds = families.zombie_seconds.with_label_values(&values);
            seconds.inc_by(counts.zombie_seconds);
            for (kind, exits) in [
                ("exited", counts.exits.exited),
                ("killed", counts.exits.killed),
                ("dumped", counts.exits.dumped),
            ] {
                let series = families.exits.with_label_values(&labels.with(kind));
                series.inc_by(exits);
            }
            let refused = families.pids_refused.with_label_values(&values);
            refused.inc_by(counts.refused_forks);
            let now = present.get(labels).copied().unwrap_or_default();
            let all = families.zombies.with_label_values(&values);
            all.set(now.zombies as i64);
            let stale = families.stale_zombies.with_label_values(&values);
            stale.set(now.stale as i64);
            let stuck = families.stuck_exits.with_label_values(&values);
            stuck.set(now.stuck as i64);
            if let Some(died) = now.oldest_died_unix_seconds {
                families.oldest_zombie.with_label_values(&values).set(died);
            }
        }
    }

    fn forget_series(&self) {
        let families = &self.families;
        families.exits.reset();
        families.reaped.reset();
        families.reaped_late.reset();
        families.zombie_seconds.reset();
        families.pids_refused.reset();
        families.zombies.reset();
        families.stale_zombies.reset();
        families.oldest_zombie.reset();
    }
}

/// The time from one moment to a later one.
fn between(from_ns: Option<u64>, to_ns: Option<u64>) -> Option<Duration> {
    to_ns?.checked_sub(from_ns?).map(Duration::from_nanos)
}

/// Brings a counter up to a total kept elsewhere; it never goes back.
fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
