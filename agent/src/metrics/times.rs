//! The published times of one death.

use std::time::Duration;

use model::lifecycle::{DiedBound, Record};

/// Exit latency.
pub(super) fn exiting(record: &Record) -> Option<Duration> {
    between(record.begin_ns, exact_death(record))
}

/// From the fatal signal to the death.
pub(super) fn dying(record: &Record) -> Option<Duration> {
    between(Some(record.kill.as_ref()?.at_ns), exact_death(record))
}

/// Zombie time; for a zombie found dead, from the latest time it can have died. A process released
/// as it died was never a zombie, even if its time of death is only a bound.
pub(super) fn zombie(record: &Record) -> Option<Duration> {
    let reap = record.reap.as_ref()?;
    if record.vanished_at_once() {
        Some(Duration::ZERO)
    } else if reap.at_is_upper_bound {
        None
    } else {
        between(Some(record.died.at_ns), reap.at_ns)
    }
}

/// Zombie time if both ends are exact.
pub(super) fn exact_zombie(record: &Record) -> Option<Duration> {
    let is_exact = record.vanished_at_once() || exact_death(record).is_some();
    zombie(record).filter(|_| is_exact)
}

fn exact_death(record: &Record) -> Option<u64> {
    (record.died.bound == DiedBound::Exact).then_some(record.died.at_ns)
}

fn between(from_ns: Option<u64>, to_ns: Option<u64>) -> Option<Duration> {
    to_ns?.checked_sub(from_ns?).map(Duration::from_nanos)
}
