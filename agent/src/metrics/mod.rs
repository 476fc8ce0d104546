//! The page for Prometheus: the only part that knows its format.
//!
//! Finished deaths and repairs are counted as they come; everything else is read from a
//! [`Sample`] when somebody asks, and kept nowhere.

mod families;
mod labels;
mod sample;

#[cfg(test)]
mod document;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus::{IntCounter, TextEncoder};

use crate::lifecycle::{Correction, DiedBound, How, Record};
use families::Families;
pub use sample::{Events, Exits, Lost, Sample};

/// All metrics of one agent.
pub struct Metrics {
    families: Families,
    stale_threshold: Duration,
}

impl Metrics {
    /// Every metric at 0. A zombie older than `stale_threshold` counts as reaped late.
    pub fn new(stale_threshold: Duration) -> Self {
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
            stale_threshold,
        }
    }

    /// Counts a death that is complete.
    pub fn finished(&mut self, record: &Record) {
        let exactly_died = (record.died.bound == DiedBound::Exact).then_some(record.died.at_ns);
        if let Some(exit) = between(record.begin_ns, exactly_died) {
            self.families.exit_duration.observe(exit.as_secs_f64());
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
        self.families.zombie_seconds.inc_by(zombie.as_secs_f64());
        if zombie > self.stale_threshold {
            self.families.reaped_late.inc();
        }
        if at_once || exactly_died.is_some() {
            let how = reap.how.name();
            self.families
                .zombie_duration
                .with_label_values(&[how])
                .observe(zombie.as_secs_f64());
        }
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
            exits,
            lost,
            events,
            ..
        } = sample;
        raise(&self.families.reaped, sample.reaped);
        for (kind, total) in [
            ("exited", exits.exited),
            ("killed", exits.killed),
            ("dumped", exits.dumped),
        ] {
            raise(&self.families.exits.with_label_values(&[kind]), total);
        }
        for (reason, total) in [
            ("ring_full", lost.ring_full),
            ("tasks_full", lost.tasks_full),
            ("malformed", lost.malformed),
            ("skipped_runs", lost.skipped_runs),
        ] {
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
        ] {
            raise(&self.families.events.with_label_values(&[event]), total);
        }
    }

    fn take_state(&mut self, sample: &Sample) {
        let families = &self.families;
        families.zombies.set(sample.zombies as i64);
        families.stale_zombies.set(sample.stale_zombies as i64);
        families.stuck_exits.set(sample.stuck_exits as i64);
        families.oldest_zombie.reset();
        if let Some(seconds) = sample.oldest_died_unix_seconds {
            families
                .oldest_zombie
                .with_label_values(&[] as &[&str])
                .set(seconds);
        }
        families.parent_stale_zombies.reset();
        for (comm, zombies) in labels::top_parents(&sample.parents) {
            families
                .parent_stale_zombies
                .with_label_values(&[comm])
                .set(zombies as i64);
        }
        for (verdict, culprits) in &sample.culprits {
            let gauge = families.culprits.with_label_values(&[verdict]);
            gauge.set(*culprits as i64);
        }
        for (gauge, pids) in [
            (&families.pids_used, sample.pids_used),
            (&families.pids_limit, sample.pids_limit),
        ] {
            gauge.reset();
            if let Some(pids) = pids {
                gauge.with_label_values(&["node"]).set(pids as i64);
            }
        }
        families.probe_info.reset();
        for (probe, hook) in &sample.probes {
            let values = [labels::clean(probe), labels::clean(hook)];
            families.probe_info.with_label_values(&values).set(1);
        }
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
