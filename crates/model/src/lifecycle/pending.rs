//! Announced deaths: the last thread is exiting, and no notification will be seen. The process
//! still has to release its memory and close its files, where it may hang forever, so nothing is
//! reported until something shows that it died: a notification after all, a wait that reaped it,
//! its freeing, or a snapshot in which it is a zombie or gone.

use super::entry::{Entry, Identity};
use super::packed::Row;
use super::reconcile::shown;
use super::{Correction, Died, DiedBound, How, Lifecycle, Reap, Record, Transition};
use crate::events::{Death, Key, Renotified, Snapshot, Task};

/// Age at which a snapshot should check an announcement: for a process that may be an unseen
/// zombie, and for one whose freeing the kernel will report.
///
/// Some frees are not reported: on Linux 6.18, `sched_process_free` was missing for one to three in
/// a thousand processes, for perf as well as for us, although `kmem_cache_free` showed that their
/// memory was freed in time, without a lost record or a skipped run. The snapshot finds those.
const LOOK_AFTER_NS: u64 = 500_000_000;
const LOOK_AFTER_FREE_NS: u64 = 2_000_000_000;
/// An announced zombie this old must have been delayed.
const HUNG_NS: u64 = 100_000_000;

impl Lifecycle {
    /// Whether the last snapshot left questions open, or an announced death is old enough for one
    /// to check it; each is checked again at twice its age.
    pub fn wants_snapshot(&self, now_ns: u64) -> bool {
        self.is_unsure || self.pending.rows().any(|row| row.look_ns <= now_ns)
    }

    /// Whether only its freeing will show the end of this process.
    pub fn awaits_free(&self, key: Key) -> bool {
        let entry = self.pending.find(Identity::exact(key));
        let entry = entry.and_then(|key| self.pending.get(&key));
        entry.is_some_and(|entry| entry.will_autoreap())
    }

    /// What is known about an announced death of a process with this PID that the snapshot no
    /// longer shows.
    pub fn gone_of(&self, tgid: u32, snapshot: &Snapshot) -> Option<Record> {
        let entry = self.pending.of_tgid(tgid).filter(|entry| {
            let before = entry.record.died.at_ns < snapshot.begun_ns;
            before && snapshot.tasks.get(entry.key()).is_none()
        })?;
        Some(Record {
            reap: Some(Box::new(self.gone(&entry.key(), snapshot.ended_ns))),
            ..entry.record
        })
    }

    /// Keeps an announcement until the death happens.
    pub(super) fn announced(&mut self, death: &Death, out: &mut Vec<Transition>) {
        let who = Identity::exact(death.process.key);
        if let Some(key) = self.open.find(who) {
            self.open.update(&key, |entry| entry.learn(death));
            return;
        }
        if self.recent.find(who).is_some() {
            return;
        }
        if let Some(key) = self.pending.find(who) {
            self.pending.update(&key, |entry| entry.learn(death));
            return;
        }
        let mut entry = Entry::of_death(death);
        entry.look_ns = death.at_ns.saturating_add(if entry.will_autoreap() {
            LOOK_AFTER_FREE_NS
        } else {
            LOOK_AFTER_NS
        });
        let outlived_by = self.close_rivals(who, &death.pids, out);
        if let Some(start_ns) = outlived_by {
            let reap = entry.gone(start_ns);
            let missed = reap.how == How::Unknown;
            out.push(Transition::Confirmed(Box::new(entry.record.clone())));
            self.close_with(entry, reap, start_ns, out);
            out.extend(missed.then_some(Transition::Corrected(Correction::ReapMissed)));
        } else if self.pending.insert(entry).is_some() {
            out.push(Transition::Corrected(Correction::TableFull));
        }
    }

    /// An announced death has happened: it is a zombie.
    pub(super) fn confirm(&mut self, entry: Entry, now_ns: u64, out: &mut Vec<Transition>) {
        out.push(Transition::Confirmed(Box::new(entry.record.clone())));
        self.open(entry, now_ns, out);
    }

    /// A process was notified of a zombie whose death was announced. A group held by a traced
    /// thread is notified for the first time when that thread is released
    /// ([`release_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/release_task)); any other
    /// was a zombie before and has a new parent.
    pub(super) fn confirm_renotified(
        &mut self,
        key: Key,
        event: &Renotified,
        out: &mut Vec<Transition>,
    ) {
        let Some(mut entry) = self.pending.remove(&key) else {
            return;
        };
        let record = &mut entry.record;
        let parent = record.parent.as_ref();
        let same = parent.is_some_and(|parent| parent.key.is_roughly(event.parent.key));
        let silent = entry.parent_autoreaps || record.exit_signal == Some(0);
        if same && record.tracer.is_none() && !silent {
            record.died = Died {
                at_ns: event.at_ns,
                bound: DiedBound::Exact,
            };
        }
        self.confirm(entry, event.at_ns, out);
    }

    /// The snapshot shows an announced one as a zombie: it died after the announcement, usually at
    /// once. If it hung in between, the last moment it ran is closer.
    pub(super) fn confirm_found(
        &mut self,
        key: Key,
        task: &Task,
        snapshot: &Snapshot,
        out: &mut Vec<Transition>,
    ) {
        let Some(mut entry) = self.pending.remove(&key) else {
            return;
        };
        let record = &mut entry.record;
        let hung = |dead_by_ns: &u64| *dead_by_ns > record.died.at_ns.saturating_add(HUNG_NS);
        if let Some(at_ns) = task.dead_by_ns.filter(hung) {
            record.died = Died {
                at_ns: at_ns.min(snapshot.ended_ns),
                bound: DiedBound::NotAfter,
            };
            entry.found_ns = Some(snapshot.ended_ns);
        }
        // Its first parent as a zombie, which may differ from the announced one.
        if entry.responsible_as_of_ns < snapshot.begun_ns {
            let record = &mut entry.record;
            record.parent = task.parent.or(record.parent.take());
            record.tracer.clone_from(&task.tracer);
            entry.parent_autoreaps = false;
            entry.responsible_as_of_ns = snapshot.begun_ns;
        }
        self.confirm(entry, snapshot.ended_ns, out);
    }

    /// Those in the snapshot were alive when it began; those missing are gone.
    pub(super) fn look_for_pending(&mut self, snapshot: &Snapshot, out: &mut Vec<Transition>) {
        let before = |row: &&Row| row.died_ns < snapshot.begun_ns;
        let dead: Vec<_> = self
            .pending
            .rows()
            .filter(before)
            .map(Row::identity)
            .collect();
        for who in dead {
            let key = who.key;
            let gone_by_ns = match shown(snapshot, key.tgid) {
                Some(shown) if shown.is(who) => {
                    let at_ns = snapshot.begun_ns;
                    self.pending
                        .update(&key, |entry| entry.still_pending_at(at_ns));
                    continue;
                }
                Some(successor) => successor.started_by_ns().min(snapshot.ended_ns),
                None => snapshot.ended_ns,
            };
            self.miss_reap(key, gone_by_ns, out);
        }
    }
}

impl Entry {
    /// Whether the kernel releases it once it is dead, as far as that was known in advance.
    pub(super) fn will_autoreap(&self) -> bool {
        self.parent_autoreaps && self.record.tracer.is_none()
    }

    /// How it was released, if it was announced and is gone at `at_ns`.
    pub(super) fn gone(&self, at_ns: u64) -> Reap {
        if self.will_autoreap() {
            Reap::autoreap_before(at_ns)
        } else {
            Reap::before(at_ns)
        }
    }

    fn still_pending_at(&mut self, at_ns: u64) {
        self.record.died.at_ns = self.record.died.at_ns.max(at_ns);
        let age_ns = at_ns.saturating_sub(self.responsible_as_of_ns);
        self.look_ns = self.look_ns.max(at_ns.saturating_add(age_ns));
    }
}

impl Reap {
    /// The kernel released it as it died, by `at_ns` at the latest.
    pub(super) fn autoreap_before(at_ns: u64) -> Self {
        Self {
            at_is_upper_bound: true,
            ..Self::autoreap(at_ns)
        }
    }
}
