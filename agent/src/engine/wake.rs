//! What wakes the loop besides requests and helper threads.

use std::time::Duration;

use tokio::time::{self, Instant, MissedTickBehavior};

use crate::probes::Readable;

/// Ticks; those that come too late are not caught up with.
pub(super) fn ticks(first: Instant, every: Duration) -> time::Interval {
    let mut ticks = time::interval_at(first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Never resolves if there is nothing to wait for.
pub(super) async fn ready(source: Option<&mut Readable>) {
    match source {
        Some(source) => source.ready().await,
        None => std::future::pending().await,
    }
}
