//! Compares a snapshot of all processes with what the events reported.

use std::{iter, mem};

use super::entry::{Entry, Identity};
use super::unlisted::Unlisted;
use super::{Correction, Died, DiedBound, Lifecycle, Record, Transition};
use crate::events::{INITIAL_NAMESPACE, Key, NamespacePid, Process, Snapshot, Task};

/// How many processes are compared at once.
const PART: usize = 256;

/// The comparison of a snapshot with the table, in parts: there may be hundreds of thousands of
/// processes, and other events come in between.
#[derive(Debug)]
pub struct Comparison {
    snapshot: Snapshot,
    next: Next,
    /// The zombies for which the table has no room.
    unlisted: Unlisted,
    /// Those whose deaths were held back: there was no room for them, or they were reaped since.
    held: Unlisted,
    is_unsure: bool,
}

/// Where a comparison goes on.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// At this place of the snapshot, whose zombies are looked up in the table.
    Shown(usize),
    /// At the first open death from this tgid on: those are looked up in the snapshot.
    Open(u32),
}

impl Comparison {
    /// With this snapshot.
    ///
    /// All events that the ring held when the reading ended should have been applied: a zombie in
    /// the snapshot is then one whose death was missed, and not one whose event is still queued.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            next: Next::Shown(0),
            unlisted: Unlisted::default(),
            held: Unlisted::default(),
            is_unsure: false,
        }
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// What is known of a zombie that a snapshot shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It is in the table, or was reaped since the reading began.
    Known,
    /// There is no room for it.
    Unlisted,
    /// There was no room for it when its death was reported, or it was reaped before.
    Held,
    /// Perhaps it was reaped since the reading began: so many were that some are forgotten.
    Unsure,
}

impl Lifecycle {
    /// Repairs what lost events left wrong, and appends each repair to `out`. The first snapshot
    /// finds the zombies older than the agent; those are not corrections.
    pub fn reconcile(&mut self, snapshot: Snapshot, out: &mut Vec<Transition>) {
        let mut comparison = Comparison::new(snapshot);
        while self.reconcile_part(&mut comparison, out) {}
    }

    /// The same for the next part of a comparison. Whether there is more.
    pub fn reconcile_part(
        &mut self,
        comparison: &mut Comparison,
        out: &mut Vec<Transition>,
    ) -> bool {
        let snapshot = &comparison.snapshot;
        match comparison.next {
            Next::Shown(first) => {
                for task in snapshot.tasks.zombies_at(first..first + PART) {
                    match self.found(&task, snapshot, out) {
                        Found::Unlisted if task.died_before(snapshot) => {
                            comparison.unlisted.count(task.tracer.or(task.parent));
                        }
                        Found::Held if task.died_before(snapshot) => {
                            comparison.held.count(task.tracer.or(task.parent));
                        }
                        Found::Known | Found::Unlisted | Found::Held => {}
                        Found::Unsure => comparison.is_unsure = true,
                    }
                }
                comparison.next = if first + PART < snapshot.tasks.len() {
                    Next::Shown(first + PART)
                } else {
                    Next::Open(0)
                };
                true
            }
            Next::Open(first) => {
                let next = self.miss_vanished(first, snapshot, out);
                if let Some(next) = next {
                    comparison.next = Next::Open(next);
                } else {
                    self.end_reconciling(comparison, out);
                }
                next.is_some()
            }
        }
    }

    fn end_reconciling(&mut self, comparison: &mut Comparison, out: &mut Vec<Transition>) {
        let snapshot = &comparison.snapshot;
        self.look_for_pending(snapshot, out);
        self.is_unsure = comparison.is_unsure;
        if !self.is_unsure {
            let shown = mem::take(&mut comparison.unlisted);
            self.recount(shown, &comparison.held, snapshot, out);
            self.reconciled = true;
        }
    }

    /// Corrects the counts of the zombies for which the table has no room.
    fn recount(
        &mut self,
        shown: Unlisted,
        held: &Unlisted,
        snapshot: &Snapshot,
        out: &mut Vec<Transition>,
    ) {
        let difference = self.unlisted.recount(shown, held, snapshot.begun_ns);
        if self.reconciled && difference.found > 0 {
            out.push(Transition::UnlistedFound(difference.found));
        }
        if difference.vanished > 0 {
            out.push(Transition::UnlistedVanished(difference.vanished));
        }
    }

    /// The snapshot shows this zombie.
    fn found(&mut self, task: &Task, snapshot: &Snapshot, out: &mut Vec<Transition>) -> Found {
        let who = identity(task, snapshot);
        if let Some(key) = self.open.find(who) {
            self.compare(key, task, snapshot, out);
            return Found::Known;
        }
        let closed = self.recent.find(who);
        if closed.is_some_and(|closed| closed.at_ns >= snapshot.begun_ns)
            || self.closed_number_since(task, snapshot.begun_ns)
        {
            return Found::Known;
        }
        if task.is_held {
            return Found::Held;
        }
        let pending = self.pending.find(who);
        if pending.is_none() && self.recent.has_forgotten_since(snapshot.begun_ns) {
            return Found::Unsure;
        }
        if self.open.is_full() {
            return Found::Unlisted;
        }
        if let Some(key) = pending {
            self.confirm_found(key, task, snapshot, out);
            self.compare(key, task, snapshot, out);
            return Found::Known;
        }
        if let Some(closed) = closed {
            let key = closed.who.key;
            if closed.entry.is_some() {
                let why = if closed.is_autoreap() {
                    Correction::AutoreapWrong
                } else {
                    Correction::ZombieFound
                };
                self.reopen(key, why, out);
                self.compare(key, task, snapshot, out);
                return Found::Known;
            }
            self.recent.take(key);
        }
        let was_counted = self.take_unlisted(task.tracer.or(task.parent), out);
        if self.reconciled && !was_counted {
            out.push(Transition::Corrected(Correction::ZombieFound));
        }
        self.open(Entry::of_task(task, snapshot), snapshot.ended_ns, out);
        Found::Known
    }

    /// Whether a wait since then reaped it, from those that were in no list.
    fn closed_number_since(&self, task: &Task, at_ns: u64) -> bool {
        let initial = NamespacePid {
            namespace: INITIAL_NAMESPACE,
            nr: task.process.key.tgid,
        };
        let mut numbers = iter::once(&initial).chain(&task.pids);
        numbers.any(|pid| self.recent.closed_number_since(*pid, at_ns))
    }

    /// Both the snapshot and the table have it: compare the responsible process.
    fn compare(&mut self, key: Key, task: &Task, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        self.open
            .update(&key, |entry| entry.compare(task, snapshot, out));
    }

    /// Closes those that were dead when the reading began and are missing in it, from this tgid on.
    /// The first tgid of the next part.
    fn miss_vanished(
        &mut self,
        first: u32,
        snapshot: &Snapshot,
        out: &mut Vec<Transition>,
    ) -> Option<u32> {
        let rows = || self.open.rows_from(first);
        let next = rows().nth(PART).map(|row| row.tgid);
        let vanished: Vec<_> = rows()
            .take(PART)
            .filter(|row| row.died_ns < snapshot.begun_ns)
            .filter_map(|row| Some((row.key(), gone_by(row.identity(), snapshot)?)))
            .collect();
        for (key, gone_by_ns) in vanished {
            self.miss_reap(key, gone_by_ns, out);
        }
        next
    }
}

/// When a process that a snapshot does not show was gone at the latest; `None` if it shows it.
fn gone_by(who: Identity, snapshot: &Snapshot) -> Option<u64> {
    match shown(snapshot, who.key.tgid) {
        Some(shown) if shown.is(who) => None,
        Some(successor) => Some(successor.started_by_ns().min(snapshot.ended_ns)),
        None => Some(snapshot.ended_ns),
    }
}

/// The process with this tgid in a snapshot.
pub(super) fn shown(snapshot: &Snapshot, tgid: u32) -> Option<Identity> {
    let key = snapshot.tasks.key_of(tgid)?;
    let exact = snapshot.exact_start;
    Some(Identity { key, exact })
}

fn identity(task: &Task, snapshot: &Snapshot) -> Identity {
    Identity {
        key: task.process.key,
        exact: snapshot.exact_start,
    }
}

fn same_process(a: Option<&Process>, b: Option<&Process>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.key.is_roughly(b.key),
        (a, b) => a.is_none() && b.is_none(),
    }
}

impl Task {
    /// Whether it is known to have died before the reading began.
    fn died_before(&self, snapshot: &Snapshot) -> bool {
        self.dead_by_ns
            .is_none_or(|at_ns| at_ns < snapshot.begun_ns)
    }
}

impl Entry {
    /// Takes what the snapshot shows of it.
    fn compare(&mut self, task: &Task, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        self.record.status = self.record.status.or(task.status);
        if self.record.pids.is_empty() {
            self.record.pids.clone_from(&task.pids);
        }
        let parent = task.parent.as_ref().or(self.record.parent.as_ref());
        let differs = !same_process(parent, self.record.parent.as_ref())
            || !same_process(task.tracer.as_ref(), self.record.tracer.as_ref());
        if differs && self.responsible_as_of_ns < snapshot.begun_ns {
            let tracer = task.tracer;
            let adopted = self.set_responsible(parent.copied(), tracer, snapshot.begun_ns, true);
            out.push(Transition::Corrected(Correction::ParentChanged));
            out.extend(adopted);
        } else if let (Some(now), Some(known)) = (&task.parent, &mut self.record.parent)
            && now.key.is_roughly(known.key)
        {
            // Its name may have changed.
            known.comm.clone_from(&now.comm);
        }
    }

    fn of_task(task: &Task, snapshot: &Snapshot) -> Self {
        let read = (snapshot.begun_ns, snapshot.ended_ns);
        Self::found(task, read, snapshot.exact_start)
    }

    /// A zombie that was seen in this time.
    pub(super) fn found(task: &Task, (begun_ns, ended_ns): (u64, u64), exact_start: bool) -> Self {
        // One that started during the reading also died during it.
        let found_ns = begun_ns.max(task.process.key.start_ns);
        let at_ns = task
            .dead_by_ns
            .filter(|&dead_by_ns| dead_by_ns >= task.process.key.start_ns)
            .map_or(found_ns, |dead_by_ns| dead_by_ns.min(found_ns));
        let record = Record {
            process: task.process,
            parent: task.parent,
            tracer: task.tracer,
            former: Vec::new(),
            forker: task.forker,
            kill: None,
            begin_ns: task.begin_ns,
            died: Died {
                at_ns,
                bound: DiedBound::NotAfter,
            },
            status: task.status,
            exit_signal: task.exit_signal,
            cgroups: task.cgroups,
            uid: task.uid,
            resources: None,
            steps: None,
            pids: task.pids.clone(),
            reap: None,
        };
        let mut entry = Self {
            record,
            exact_start,
            responsible_as_of_ns: begun_ns,
            found_ns: Some(ended_ns),
            parent_autoreaps: false,
            look_ns: u64::MAX,
        };
        entry.drop_contradictions();
        entry
    }
}
