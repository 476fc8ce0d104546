//! Numbers that only files have, read by a helper thread.

use crate::host::ends::dead_pidfds_of_all;
use crate::host::pids::{Node, node};
use crate::probes::Attached;
use crate::problem::Problem;
use model::events::Key;

static PROBLEM: Problem = Problem::new();

/// What is read for a scrape, and from time to time while processes exit.
pub(super) struct Reading {
    pub(super) skipped_runs: u64,
    pub(super) node: Option<Node>,
    /// Open pidfds of reaped processes by holder, if they were asked for.
    pub(super) dead_pidfds: Option<Vec<(Key, u64)>>,
}

impl Reading {
    /// What reads it, on any thread.
    pub(super) fn of(kernel: &Attached, dead_pidfds: bool) -> impl FnOnce() -> Self + Send + use<> {
        let skipped_runs = kernel.skipped_runs();
        move || Self {
            skipped_runs: skipped_runs(),
            node: node(),
            dead_pidfds: dead_pidfds.then(holders),
        }
    }
}

fn holders() -> Vec<(Key, u64)> {
    let (holders, all) = dead_pidfds_of_all();
    let all = all.then_some(()).ok_or("the host has too many descriptors");
    PROBLEM
        .check("not all processes were looked at for --dead-pidfds", all)
        .ok();
    holders
}
