//! The end of a zombie, as seen by each source: exactly, from the waiter's side, or late.
//!
//! An event from before the death open under the same PID is about another process.

use super::entry::{Entry, Identity};
use super::{
    Correction, Died, DiedBound, How, Lifecycle, Reap, Record, Transition, recent::Closed,
};
use crate::events::{Comm, Freed, HungUp, Key, Process, Release, Task, TaskState, Waited};

impl Lifecycle {
    /// The exact reap, and the reaper.
    pub(super) fn release(&mut self, release: &Release, out: &mut Vec<Transition>) {
        let who = Identity::exact(release.dead);
        let Some(key) = self.find(who) else {
            if self.recent.find(who).is_none() {
                self.close_rivals(who, &[], out);
                if self.take_unlisted(Some(release.by), out) {
                    let unlisted = Entry::unlisted(release.dead, release.by, release.at_ns);
                    let reap = reap_of(&unlisted.record, release);
                    return self.close_with(unlisted, reap, release.at_ns, out);
                }
                self.recent.push(Closed {
                    who,
                    at_ns: release.at_ns,
                    entry: None,
                });
                out.push(Transition::Corrected(Correction::ReapWithoutDeath));
            }
            return;
        };
        let Some(record) = self.dead_by(&key, release.at_ns) else {
            return;
        };
        let reap = reap_of(&record, release);
        self.released_at(&key, &reap);
        self.finish(key, reap, release.at_ns, out);
    }

    /// A wait call returned a dead child. If a tracer waited for it, it goes back to the real
    /// parent as a zombie, unless they are the same process
    /// ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).
    pub(super) fn waited(&mut self, waited: &Waited, out: &mut Vec<Transition>) {
        let Some(key) = self.find_number(waited.child) else {
            return self.waited_for_unlisted(waited, out);
        };
        let Some(entry) = self.entry(&key) else {
            return;
        };
        if waited.at_ns < entry.record.died.at_ns {
            return;
        }
        let by = waited.by.key;
        let parent = entry.record.parent.as_ref();
        let is_parent = parent.is_some_and(|parent| parent.key.is_roughly(by));
        let tracer = entry.record.tracer.as_ref();
        let is_tracer = tracer.is_some_and(|tracer| tracer.key.is_roughly(by));
        let former = entry.record.former_tracer();
        let was_tracer = former.is_some_and(|former| former.key.is_roughly(by));
        if is_tracer && !is_parent {
            let autoreaped = entry.parent_autoreaps;
            let parent = entry.record.parent;
            if let Some(entry) = self.pending.remove(&key) {
                self.confirm(entry, waited.at_ns, out);
            }
            let change =
                |entry: &mut Entry| entry.set_responsible(parent, None, waited.at_ns, false);
            out.extend(self.open.update(&key, change).flatten());
            if autoreaped {
                self.finish(key, Reap::autoreap(waited.at_ns), waited.at_ns, out);
            }
            return;
        }
        // The real parent's notification was seen before this wait returned.
        if was_tracer && !is_parent {
            return;
        }
        self.finish(key, Reap::waited(waited), waited.at_ns, out);
    }

    /// A process waited for a dead child for which the table has no room. Its start is not known.
    fn waited_for_unlisted(&mut self, waited: &Waited, out: &mut Vec<Transition>) {
        if self.take_unlisted(Some(waited.by), out) {
            let dead = Key {
                tgid: waited.child.nr,
                start_ns: 0,
            };
            let mut unlisted = Entry::unlisted(dead, waited.by, waited.at_ns);
            unlisted.record.pids = vec![waited.child];
            self.close_with(unlisted, Reap::waited(waited), waited.at_ns, out);
        }
    }

    /// Its pidfd hung up just now.
    pub(super) fn hung_up(&mut self, event: HungUp, out: &mut Vec<Transition>) {
        self.gone_by(event.dead, event.at_ns, out);
    }

    /// The kernel has freed it, after an RCU grace period of milliseconds to seconds
    /// ([`put_task_struct_rcu_user`](https://elixir.bootlin.com/linux/v6.12/A/ident/put_task_struct_rcu_user)).
    pub(super) fn freed(&mut self, event: Freed, out: &mut Vec<Transition>) {
        self.gone_by(event.dead, event.at_ns, out);
    }

    fn gone_by(&mut self, dead: Key, at_ns: u64, out: &mut Vec<Transition>) {
        let key = self.find(Identity::exact(dead));
        if let Some(key) = key.filter(|key| self.dead_by(key, at_ns).is_some()) {
            self.finish(key, self.gone(&key, at_ns), at_ns, out);
        }
    }

    /// An announced one that releases itself dies at that moment.
    fn released_at(&mut self, key: &Key, reap: &Reap) {
        if let (How::Autoreap, Some(at_ns)) = (reap.how, reap.at_ns) {
            let bound = DiedBound::Exact;
            self.pending
                .update(key, |entry| entry.record.died = Died { at_ns, bound });
        }
    }

    /// The record of a process dead at `at_ns`, or of an announced one.
    pub(super) fn dead_by(&self, key: &Key, at_ns: u64) -> Option<Record> {
        let record = self.entry(key)?.record;
        (record.died.at_ns <= at_ns).then_some(record)
    }
}

impl Entry {
    /// A zombie for which the table had no room, as its reap shows it.
    fn unlisted(dead: Key, by: Process, at_ns: u64) -> Self {
        let process = Process {
            key: dead,
            tid: dead.tgid,
            comm: Comm::default(),
        };
        let task = Task {
            parent: Some(by),
            dead_by_ns: Some(at_ns),
            ..Task::new(process, TaskState::Zombie)
        };
        Self::found(&task, (at_ns, at_ns), true)
    }
}

impl Reap {
    fn waited(waited: &Waited) -> Self {
        Self {
            at_ns: Some(waited.at_ns),
            at_is_upper_bound: false,
            by: Some(waited.by),
            by_thread: waited.by_thread,
            how: How::Wait,
        }
    }
}

fn reap_of(record: &Record, release: &Release) -> Reap {
    let how = how(record, release);
    Reap {
        at_ns: Some(release.at_ns),
        at_is_upper_bound: false,
        by: Some(release.by).filter(|_| how != How::Autoreap),
        by_thread: release.by_thread.filter(|_| how != How::Autoreap),
        how,
    }
}

/// A reaper that is itself exiting and did not inherit an auto-reaped zombie is the init of a PID
/// namespace that is ending
/// ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).
fn how(record: &Record, release: &Release) -> How {
    let by = release.by.key;
    let is = |process: Option<&Process>| process.is_some_and(|process| process.key.is_roughly(by));
    if release.by_itself || by == release.dead {
        How::Autoreap
    } else if release.reaper_exiting {
        How::Namespace
    } else if is(record.tracer.as_ref()) && !is(record.parent.as_ref()) {
        How::Tracer
    } else {
        How::Wait
    }
}
