//! One open death, and what identifies it.

use super::Record;
use crate::events::{Key, TICK_TOLERANCE_NS};

/// A process, and whether its start time is exact or from /proc.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) key: Key,
    pub(super) exact: bool,
}

impl Identity {
    pub(super) fn exact(key: Key) -> Self {
        Self { key, exact: true }
    }

    /// Whether both are the same process, as far as the less precise one can tell.
    pub(super) fn is(self, other: Self) -> bool {
        if self.exact && other.exact {
            self.key == other.key
        } else {
            self.key.is_roughly(other.key)
        }
    }

    /// The latest moment at which it can have started.
    pub(super) fn started_by_ns(self) -> u64 {
        self.key
            .start_ns
            .saturating_add(if self.exact { 0 } else { TICK_TOLERANCE_NS })
    }
}

/// One open death, with state that only the state machine needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) record: Record,
    /// Whether its start time is exact.
    pub(super) exact_start: bool,
    /// The moment as of which `record.parent` and `record.tracer` are valid.
    pub(super) responsible_as_of_ns: u64,
    /// End of the snapshot that found it, if one did.
    pub(super) found_ns: Option<u64>,
    /// Whether the real parent would auto-reap it once no tracer holds it.
    pub(super) parent_autoreaps: bool,
    /// When a snapshot should check it, while its death is only announced.
    pub(super) look_ns: u64,
}

impl Entry {
    pub(super) fn key(&self) -> Key {
        self.record.process.key
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            key: self.key(),
            exact: self.exact_start,
        }
    }
}
