//! Snapshots of all processes, taken by a helper thread for all who asked before it began.

use std::{io, mem, time::Duration};

use super::job::Job;
use crate::probes::{Attached, Source, stacks};
use crate::problem::Problem;
use model::events::{Snapshot, Thread};
use model::stuck::evidence::watch;

/// All processes, and the threads of those that are exiting if one of them may be stuck.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) snapshot: Snapshot,
    pub(super) threads: Vec<Thread>,
}

/// The snapshot being taken, and for what; `W` is a purpose.
#[derive(Debug)]
pub(super) struct Snapshots<W> {
    source: Source,
    taking: Job<io::Result<Taken>>,
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
    pub(super) fn first(&self, kernel: &mut Attached, threshold: Duration) -> Option<Taken> {
        logged(take(self.source, kernel, threshold)())
    }

    /// Asks for a snapshot that begins after now, with [`Snapshots::begin`].
    pub(super) fn want(&mut self, purpose: W) {
        self.next.push(purpose);
    }

    /// Begins the next snapshot if one is wanted and none is being taken. An exit that lasts for
    /// `threshold` counts as stuck.
    pub(super) fn begin(&mut self, kernel: &mut Attached, threshold: Duration) {
        if self.taking.is_running() || self.next.is_empty() {
            return;
        }
        self.served = mem::take(&mut self.next);
        self.taking.start(take(self.source, kernel, threshold));
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
    pub(super) async fn taken(&mut self) -> (Vec<W>, Option<Taken>) {
        let taken = self.taking.done().await.and_then(logged);
        if let Some(Taken { snapshot, .. }) = &taken {
            self.took_ns = snapshot.ended_ns - snapshot.begun_ns;
        }
        (mem::take(&mut self.served), taken)
    }
}

/// What takes a snapshot, on any thread.
fn take(
    source: Source,
    kernel: &mut Attached,
    threshold: Duration,
) -> impl FnOnce() -> io::Result<Taken> + Send + use<> {
    static PROBLEM: Problem = Problem::new();
    let (processes, stacks) = (source.prepare(kernel), stacks::prepare(kernel));
    move || {
        let snapshot = processes?()?;
        let mut threads = Vec::new();
        if watch::may_be_stuck(&snapshot, threshold.as_nanos() as u64) {
            let read = stacks.and_then(|read| read());
            let read = PROBLEM.check("cannot read kernel stacks", read);
            threads = read.unwrap_or_default();
        }
        Ok(Taken { snapshot, threads })
    }
}

fn logged(taken: io::Result<Taken>) -> Option<Taken> {
    static PROBLEM: Problem = Problem::new();
    let taken = PROBLEM.check("cannot take a snapshot of processes", taken);
    taken.ok()
}
