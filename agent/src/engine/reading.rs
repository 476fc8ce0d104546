//! Numbers that only files have, read by a helper thread.

use crate::host::pids::{Node, node};
use crate::probes::Attached;

/// What is read for a scrape, and from time to time while processes exit.
pub(super) struct Reading {
    pub(super) skipped_runs: u64,
    pub(super) node: Option<Node>,
}

impl Reading {
    /// What reads it, on any thread.
    pub(super) fn of(kernel: &Attached) -> impl FnOnce() -> Self + Send + use<> {
        let skipped_runs = kernel.skipped_runs();
        move || Self {
            skipped_runs: skipped_runs(),
            node: node(),
        }
    }
}
