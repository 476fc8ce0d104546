//! Compares a snapshot of all processes with what the events reported.

use std::collections::BTreeMap;

use super::table::{Entry, Identity};
use super::{Correction, Died, DiedBound, Lifecycle, Record, Transition};
use crate::events::{Key, Process, Snapshot, Task, TaskState};

impl Lifecycle {
    /// Repairs what lost events left wrong, and appends each repair to `out`.
    ///
    /// All events that the ring held when the reading ended should have been applied first: a
    /// zombie in the snapshot is then one whose death was missed, and not one whose event is still
    /// queued. The first snapshot finds the zombies older than the agent; those are not
    /// corrections.
    pub fn reconcile(&mut self, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        for task in snapshot
            .tasks
            .iter()
            .filter(|task| task.state == TaskState::Zombie)
        {
            self.found(task, snapshot, out);
        }
        self.close_vanished(snapshot, out);
        self.reconciled = true;
    }

    /// The snapshot shows this zombie.
    fn found(&mut self, task: &Task, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        let who = identity(task, snapshot);
        if let Some(key) = self.open.find(who) {
            return self.compare(key, task, snapshot, out);
        }
        if let Some(key) = self.pending.find(who) {
            if !self.full(out) {
                self.confirm_found(key, task, snapshot, out);
                self.compare(key, task, snapshot, out);
            }
            return;
        }
        if let Some(closed) = self.recent.find(who) {
            if closed.at_ns >= snapshot.begun_ns {
                return;
            }
            let key = closed.who.key;
            if closed.entry.is_none() {
                self.recent.take(key);
            } else if !self.full(out) {
                let predicted = closed.is_autoreap();
                let why = if predicted {
                    Correction::AutoreapWrong
                } else {
                    Correction::ZombieFound
                };
                self.reopen(key, why, out);
                return self.compare(key, task, snapshot, out);
            } else {
                return;
            }
        }
        // Since then, its death has not been reported, so it was reaped and counted.
        if task.is_held || self.full(out) {
            return;
        }
        if self.reconciled {
            out.push(Transition::Corrected(Correction::ZombieFound));
        }
        self.open(Entry::of_task(task, snapshot), snapshot.ended_ns, out);
    }

    /// A zombie that was found must not evict another one that was found.
    fn full(&self, out: &mut Vec<Transition>) -> bool {
        let full = self.open.is_full();
        if full {
            out.push(Transition::Corrected(Correction::TableFull));
        }
        full
    }

    /// Both the snapshot and the table have it: compare the responsible process.
    fn compare(&mut self, key: Key, task: &Task, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        let Some(entry) = self.open.get_mut(&key) else {
            return;
        };
        entry.record.status = entry.record.status.or(task.status);
        if entry.record.pids.is_empty() {
            entry.record.pids.clone_from(&task.pids);
        }
        let parent = task.parent.as_ref().or(entry.record.parent.as_ref());
        let differs = !same_process(parent, entry.record.parent.as_ref())
            || !same_process(task.tracer.as_ref(), entry.record.tracer.as_ref());
        if differs && entry.told_ns < snapshot.begun_ns {
            let tracer = task.tracer;
            let adopted = entry.set_responsible(parent.copied(), tracer, snapshot.begun_ns, true);
            out.push(Transition::Corrected(Correction::ParentChanged));
            out.extend(adopted);
        } else if let (Some(now), Some(known)) = (&task.parent, &mut entry.record.parent)
            && now.key.is_roughly(known.key)
        {
            // Its name may have changed.
            known.comm.clone_from(&now.comm);
        }
        self.open.index(&key);
    }

    /// Closes those that were dead when the reading began and are missing in it.
    fn close_vanished(&mut self, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        let shown: BTreeMap<u32, Identity> = snapshot
            .tasks
            .iter()
            .map(|task| (task.process.key.tgid, identity(task, snapshot)))
            .collect();
        let vanished: Vec<(Key, u64)> = self
            .open
            .iter()
            .filter(|entry| entry.record.died.at_ns < snapshot.begun_ns)
            .filter_map(|entry| {
                let key = entry.record.process.key;
                let gone_by_ns = match shown.get(&key.tgid) {
                    Some(shown) if shown.is(entry.identity()) => return None,
                    Some(successor) => successor.started_by_ns().min(snapshot.ended_ns),
                    None => snapshot.ended_ns,
                };
                Some((key, gone_by_ns))
            })
            .collect();
        for (key, gone_by_ns) in vanished {
            self.miss_reap(key, gone_by_ns, out);
        }
        self.look_for_pending(&shown, snapshot, out);
    }
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

impl Entry {
    fn of_task(task: &Task, snapshot: &Snapshot) -> Self {
        // One that started during the reading also died during it.
        let found_ns = snapshot.begun_ns.max(task.process.key.start_ns);
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
            exact_start: snapshot.exact_start,
            told_ns: snapshot.begun_ns,
            found_ns: Some(snapshot.ended_ns),
            parent_autoreaps: false,
            look_ns: u64::MAX,
        };
        entry.drop_contradictions();
        entry
    }
}
