//! When the ring is read next. The loop sleeps while it is empty and nothing waits.

use std::{future, time::Duration};

use tokio::time::{self, Instant};

/// How long the first record in an empty ring waits for others, unless the ring becomes half full.
const PAUSE: Duration = Duration::from_millis(50);
/// The same while a client follows deaths.
const PAUSE_FOLLOWED: Duration = Duration::from_millis(10);

/// The pace of reading.
#[derive(Debug, Default)]
pub(super) struct Pace {
    drain_at: Option<Instant>,
    /// The ring has woken the loop since it was read.
    is_woken: bool,
}

impl Pace {
    /// Something waits that no event announces, or the ring has a first record.
    pub(super) fn want(&mut self, is_followed: bool) {
        let pause = if is_followed { PAUSE_FOLLOWED } else { PAUSE };
        self.drain_at.get_or_insert_with(|| Instant::now() + pause);
    }

    /// The ring has woken the loop. Whether it must be read at once: only a ring that is half full
    /// wakes the loop again before it was read.
    pub(super) fn woken(&mut self, is_followed: bool) -> bool {
        self.want(is_followed);
        std::mem::replace(&mut self.is_woken, true)
    }

    /// The ring is being read.
    pub(super) fn drained(&mut self) {
        *self = Self::default();
    }

    /// Resolves when the ring must be read; never if nothing is wanted.
    pub(super) async fn due(&self) {
        match self.drain_at {
            Some(moment) => time::sleep_until(moment).await,
            None => future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_first_record_waits_and_a_half_full_ring_does_not() {
        let mut pace = Pace::default();
        let begun = Instant::now();
        assert!(!pace.woken(false));
        assert!(pace.woken(false));
        pace.due().await;
        assert!(begun.elapsed() >= PAUSE);
        pace.drained();
        assert!(!pace.woken(true));
        let begun = Instant::now();
        pace.due().await;
        assert!((PAUSE_FOLLOWED..PAUSE).contains(&begun.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_without_a_request() {
        let pace = Pace::default();
        let due = time::timeout(Duration::from_secs(3600), pace.due()).await;
        assert!(due.is_err());
    }
}
