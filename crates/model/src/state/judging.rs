//! A round of judging: the suspects, and the verdicts on them.

use super::State;
use crate::culprit::evidence::Facts;
use crate::culprit::evidence::suspects::{Known, Suspect, YOUNG_NS, suspects};
use crate::culprit::place;
use crate::events::{Key, Snapshot};
use crate::lifecycle::Siblings;

impl State {
    /// Processes that hold zombies that are not young, the most zombies first.
    pub fn suspects(&self, snapshot: Option<&Snapshot>, limit: usize, now_ns: u64) -> Vec<Suspect> {
        let known = Known {
            now_ns,
            began_ns: self.about.began_ns,
            lifecycle: &self.lifecycle,
            parents: &self.parents,
            snapshot,
            counts_waits: self.counts_waits,
        };
        suspects(&known, limit)
    }

    /// Groups of siblings with zombies that are not young.
    pub fn old_zombies(&self, now_ns: u64) -> impl Iterator<Item = Siblings<'_>> {
        let is_old =
            move |group: &Siblings<'_>| now_ns.saturating_sub(group.oldest.at_ns) >= YOUNG_NS;
        self.lifecycle.siblings().filter(is_old)
    }

    /// Whether the last round judged all who hold old zombies now, or `limit` of them.
    pub fn all_are_judged(&self, limit: usize, now_ns: u64) -> bool {
        let judgements = &self.judgements;
        judgements.all().len() >= limit
            || self.old_zombies(now_ns).all(|group| {
                let holder = group.responsible();
                holder.is_none_or(|holder| judgements.of(holder.key).is_some())
            })
    }

    /// Judges the suspects of a round that began at `began_ns`; `facts` is the content of their files.
    pub fn judge(
        &mut self,
        suspects: &[Suspect],
        began_ns: u64,
        facts: impl FnMut(Key) -> Option<Facts>,
        now_ns: u64,
    ) {
        let Self {
            judgements,
            lifecycle,
            workloads,
            ..
        } = self;
        let place = |holder: Key, facts: Option<&Facts>| {
            let own = workloads.of_process(holder, now_ns);
            let number = facts.and_then(|facts| facts.own_number);
            if number.is_none_or(|(number, depth)| number != 1 || depth == 0) {
                return place::of(own.as_deref(), &[]);
            }
            let held = lifecycle.siblings().filter(|group| {
                let responsible = group.responsible();
                responsible.is_some_and(|it| it.key.is_roughly(holder))
            });
            let held: Vec<_> = held
                .filter_map(|group| workloads.of_siblings(&group, now_ns))
                .collect();
            place::of(own.as_deref(), &held)
        };
        judgements.end_round(began_ns, now_ns, suspects, facts, place);
    }
}
