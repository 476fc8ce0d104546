//! Events for a death, or for a change of the responsible process.

use super::entry::{Entry, Identity};
use super::{
    Correction, Died, DiedBound, Former, Lifecycle, MOST_FORMER, Reap, Record, Transition,
};
use crate::events::{Death, ExitStatus, Key, Kill, Process, Renotified};

impl Lifecycle {
    /// The first event of a process opens its record. If the hook sees the zombie itself, each
    /// change of the responsible process sends the whole record again. A record from before the
    /// notification only announces the death.
    pub(super) fn death(&mut self, death: &Death, out: &mut Vec<Transition>) {
        self.unlisted.drop_holder(death.process.key);
        if death.at_is_lower_bound {
            return self.announced(death, out);
        }
        let who = Identity::exact(death.process.key);
        if let Some(key) = self.pending.find(who) {
            self.pending.remove(&key);
        }
        if let Some(key) = self.open.find(who) {
            return self.repeated(key, death, out);
        }
        if let Some(closed) = self.recent.find(who) {
            let key = closed.who.key;
            let refuted = closed.is_autoreap() && !is_released(death);
            if refuted && death.at_ns > closed.at_ns {
                self.reopen(key, Correction::AutoreapWrong, out);
                self.repeated(key, death, out);
            }
            return;
        }
        let mut entry = Entry::of_death(death);
        if is_released(death) {
            self.close_rivals(who, &death.pids, out);
            entry.record.reap = Some(Box::new(Reap::autoreap(death.at_ns)));
            self.close(entry, death.at_ns, out);
        } else {
            self.open(entry, death.at_ns, out);
        }
    }

    /// Reopens a closed death: it is a zombie after all.
    pub(super) fn reopen(&mut self, key: Key, why: Correction, out: &mut Vec<Transition>) {
        let Some(closed) = self.recent.take(key) else {
            return;
        };
        if let Some(mut entry) = closed.entry {
            entry.record.reap = None;
            out.push(Transition::Corrected(why));
            self.open(entry, closed.at_ns, out);
        }
    }

    fn repeated(&mut self, key: Key, death: &Death, out: &mut Vec<Transition>) {
        self.open.update(&key, |entry| {
            entry.learn(death);
            if death.at_ns >= entry.responsible_as_of_ns {
                let parent = death.parent.or(entry.record.parent);
                let adopted = entry.set_responsible(parent, death.tracer, death.at_ns, false);
                entry.parent_autoreaps = death.autoreap;
                out.extend(adopted);
            }
        });
        if is_released(death) {
            self.finish(key, Reap::autoreap(death.at_ns), death.at_ns, out);
        }
    }

    /// A zombie's new parent was notified by the dying parent
    /// ([`reparent_leader`](https://elixir.bootlin.com/linux/v6.12/A/ident/reparent_leader)) or by
    /// the tracer that released it
    /// ([`__ptrace_detach`](https://elixir.bootlin.com/linux/v6.12/A/ident/__ptrace_detach)).
    pub(super) fn renotified(&mut self, event: &Renotified, out: &mut Vec<Transition>) {
        let Some(key) = self.find_number(event.child) else {
            if self.unlisted.total() > 0 && !event.autoreap {
                self.count_unlisted(Some(event.parent), event.at_ns, out);
            }
            out.push(Transition::Unexplained);
            return;
        };
        if self.dead_by(&key, event.at_ns).is_none() {
            return;
        }
        self.confirm_renotified(key, event, out);
        let adopted = self.open.update(&key, |entry| {
            if event.at_ns < entry.responsible_as_of_ns {
                return None;
            }
            let tracer = entry.record.tracer;
            let tracer = tracer.filter(|tracer| tracer.key.is_roughly(event.parent.key));
            entry.set_responsible(Some(event.parent), tracer, event.at_ns, false)
        });
        out.extend(adopted.flatten());
        if event.autoreap {
            self.finish(key, Reap::autoreap(event.at_ns), event.at_ns, out);
        }
    }
}

/// Whether the kernel releases it at once. A traced zombie is kept for its tracer first, whatever
/// its parent wants ([`do_notify_parent`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_notify_parent)).
fn is_released(death: &Death) -> bool {
    death.autoreap && death.tracer.is_none()
}

/// The signal that killed it, if a signal did.
fn killer(death: &Death) -> Option<&Kill> {
    let (ExitStatus::Killed(signal) | ExitStatus::Dumped(signal)) = death.status else {
        return None;
    };
    death.kill.as_ref().filter(|kill| kill.signal == signal)
}

impl Entry {
    pub(super) fn of_death(death: &Death) -> Self {
        let bound = if death.at_is_lower_bound {
            DiedBound::NotBefore
        } else {
            DiedBound::Exact
        };
        let record = Record {
            process: death.process,
            parent: death.parent,
            tracer: death.tracer,
            former: Vec::new(),
            forker: death.forker,
            kill: killer(death).copied().map(Box::new),
            begin_ns: death.begin_ns,
            died: Died {
                at_ns: death.at_ns,
                bound,
            },
            status: Some(death.status),
            exit_signal: Some(death.exit_signal),
            cgroups: death.cgroups,
            uid: death.uid,
            resources: Some(death.resources),
            steps: death.steps.map(Box::new),
            pids: death.pids.clone(),
            reap: None,
        };
        let mut entry = Self {
            record,
            exact_start: true,
            responsible_as_of_ns: death.at_ns,
            found_ns: None,
            parent_autoreaps: death.autoreap,
            look_ns: u64::MAX,
        };
        entry.drop_contradictions();
        entry
    }

    /// Takes better values from another record of the same death.
    pub(super) fn learn(&mut self, death: &Death) {
        let better = match self.record.died.bound {
            DiedBound::Exact => !death.at_is_lower_bound && death.at_ns < self.record.died.at_ns,
            DiedBound::NotBefore => !death.at_is_lower_bound,
            // It was dead before that snapshot, so this is not its death.
            DiedBound::NotAfter => self.found_ns.is_none_or(|found_ns| death.at_ns <= found_ns),
        };
        let new = Self::of_death(death).record;
        let known = &mut self.record;
        if better {
            known.died = new.died;
        }
        known.forker = known.forker.take().or(new.forker);
        known.kill = known
            .kill
            .take()
            .or_else(|| killer(death).copied().map(Box::new));
        known.begin_ns = known.begin_ns.or(death.begin_ns);
        known.status = known.status.or(new.status);
        known.exit_signal = known.exit_signal.or(new.exit_signal);
        known.cgroups = known.cgroups.or(new.cgroups);
        known.resources = known.resources.or(new.resources);
        known.steps = known.steps.take().or(new.steps);
        if known.pids.is_empty() {
            known.pids = new.pids;
        }
        self.drop_contradictions();
    }

    /// These two are responsible as of `at_ns`, or from slightly before. Returns the previously
    /// responsible process if that changed.
    pub(super) fn set_responsible(
        &mut self,
        parent: Option<Process>,
        tracer: Option<Process>,
        at_ns: u64,
        at_is_upper_bound: bool,
    ) -> Option<Transition> {
        let was_tracer = self.record.tracer.is_some();
        let from = self.record.responsible().copied();
        self.record.parent = parent;
        self.record.tracer = tracer;
        self.parent_autoreaps = false;
        self.responsible_as_of_ns = at_ns;
        let key = |process: &Process| process.key;
        let to = self.record.responsible().map(key);
        let changed = match (from.as_ref().map(key), to) {
            (Some(from), Some(to)) => !from.is_roughly(to),
            (from, to) => from != to,
        };
        if !changed {
            return None;
        }
        let dead = self.record.process.key;
        let from_key = from.as_ref().map(key);
        let former = from.map(|process| Former {
            process,
            was_tracer,
            until_ns: at_ns,
            until_is_upper_bound: at_is_upper_bound,
        });
        let room = self.record.former.len() < MOST_FORMER;
        self.record.former.extend(former.filter(|_| room));
        Some(Transition::Adopted {
            dead,
            from: from_key,
        })
    }

    /// A begin or a kill after the death belongs to something else.
    pub(super) fn drop_contradictions(&mut self) {
        let died_ns = self.record.died.at_ns;
        self.record.begin_ns = self.record.begin_ns.filter(|&at_ns| at_ns <= died_ns);
        self.record.kill = self.record.kill.take().filter(|kill| kill.at_ns <= died_ns);
    }
}
