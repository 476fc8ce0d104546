//! Snapshots of all processes, taken by a helper thread for all who asked before it began.

use std::{io, mem};

use super::job::Job;
use crate::probes::{Attached, Source};
use crate::problem::Problem;
use model::events::Snapshot;

/// The snapshot being taken, and for what; `W` is a purpose.
#[derive(Debug)]
pub(super) struct Snapshots<W> {
    source: Source,
    taking: Job<io::Result<Snapshot>>,
    served: Vec<W>,
    /// Asked for since it began.
    next: Vec<W>,
    /// How long the last one took.
    took_ns: u64,
}

impl<W> Snapshots<W> {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            taking: Job::default(),
            served: Vec::new(),
            next: Vec::new(),
            took_ns: 0,
        }
    }

    /// At the start of the agent: a snapshot by this thread.
    pub(super) fn first(&self, kernel: &mut Attached) -> Option<Snapshot> {
        logged(self.source.prepare(kernel).and_then(|take| take()))
    }

    /// Asks for a snapshot that begins after now, with [`Snapshots::begin`].
    pub(super) fn want(&mut self, purpose: W) {
        self.next.push(purpose);
    }

    /// Begins the next snapshot if one is wanted and none is being taken.
    pub(super) fn begin(&mut self, kernel: &mut Attached) {
        if self.taking.is_running() || self.next.is_empty() {
            return;
        }
        self.served = mem::take(&mut self.next);
        match self.source.prepare(kernel) {
            Ok(take) => self.taking.start(take),
            Err(error) => self.taking.start(|| Err(error)),
        }
    }

    /// How long the last one took.
    pub(super) fn took_ns(&self) -> u64 {
        self.took_ns
    }

    /// Whether nobody waits for one.
    pub(super) fn is_idle(&self) -> bool {
        !self.taking.is_running() && self.next.is_empty()
    }

    /// The snapshot and its purposes, when it is there; `None` if it failed.
    pub(super) async fn taken(&mut self) -> (Vec<W>, Option<Snapshot>) {
        let snapshot = self.taking.done().await.and_then(logged);
        if let Some(snapshot) = &snapshot {
            self.took_ns = snapshot.ended_ns - snapshot.begun_ns;
        }
        (mem::take(&mut self.served), snapshot)
    }
}

fn logged(snapshot: io::Result<Snapshot>) -> Option<Snapshot> {
    static PROBLEM: Problem = Problem::new();
    let snapshot = PROBLEM.check("cannot take a snapshot of processes", snapshot);
    snapshot.ok()
}
