//! The process that holds a zombie, in few bytes: there may be hundreds of thousands.

use crate::events::{Key, TICK_TOLERANCE_NS};

/// A process in 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) tgid: u32,
    /// The start in milliseconds, without what does not fit.
    start_ms: u32,
}

impl Holder {
    pub(super) fn of(key: Key) -> Self {
        Self {
            tgid: key.tgid,
            start_ms: (key.start_ns / 1_000_000) as u32,
        }
    }

    /// Whether it is this one, as far as start times can tell.
    pub(super) fn is(self, key: Key) -> bool {
        const MOST_MS: u32 = (TICK_TOLERANCE_NS / 1_000_000) as u32;
        let other = Self::of(key);
        let apart = self.start_ms.wrapping_sub(other.start_ms);
        self.tgid == other.tgid && apart.min(apart.wrapping_neg()) <= MOST_MS
    }
}

/// The zombies that one process has to reap.
#[derive(Default)]
pub(super) struct Held {
    pub(super) zombies: u64,
    /// Death of the oldest one, and whether its age is a lower bound.
    pub(super) oldest: Option<(u64, bool)>,
}
