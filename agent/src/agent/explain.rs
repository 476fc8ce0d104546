//! Explains one process, from the table, a snapshot, the verdicts and /proc.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::contained;
use super::core::{Agent, LIMITS};
use crate::{
    api,
    events::{Key, Process, Snapshot},
    kernel, parents, report,
    story::{self, Known, Life, Seen, State},
};

/// The workloads of processes, as far as they are known.
type Places = BTreeMap<Key, api::Container>;

impl Agent {
    pub(super) fn explain(&mut self, pid: u32, seen: &Seen) -> api::Explained {
        let snapshot = self.look_at_all();
        // Processes that died while it was taken.
        self.drain();
        let now_ns = kernel::now_ns();
        let places = self.places(pid, snapshot.as_ref(), now_ns);
        let gone = snapshot.as_ref();
        let gone = gone.and_then(|snapshot| self.lifecycle.gone_of(pid, snapshot));
        let mut records: Vec<_> = gone.iter().collect();
        records.extend(self.lifecycle.deaths_of(pid));
        let known = Known {
            pid,
            now_ns,
            began_ns: self.began_ns,
            remembered_ns: LIMITS.recent_ns,
            records,
            snapshot: snapshot.as_ref(),
            seen,
        };
        let lives = story::lives(&known);
        api::Explained {
            head: self.head(now_ns),
            story: self.explanation(&known, &lives, &places),
        }
    }

    /// The workloads of all processes that have or had this PID, and of their parents.
    fn places(&mut self, pid: u32, snapshot: Option<&Snapshot>, now_ns: u64) -> Places {
        let tasks = snapshot.iter().flat_map(|snapshot| &snapshot.tasks);
        let tasks = tasks.filter(|task| task.process.key.tgid == pid);
        let mut living: BTreeSet<Key> = tasks
            .flat_map(|task| {
                [
                    Some(&task.process),
                    task.parent.as_ref(),
                    task.tracer.as_ref(),
                ]
            })
            .flatten()
            .map(|process| process.key)
            .collect();
        let mut places = Places::new();
        for record in self.lifecycle.deaths_of(pid) {
            living.extend(record.responsible().map(|process| process.key));
            let place = contained(self.resolver.of_record(record, now_ns));
            places.extend(place.map(|place| (record.process.key, place)));
        }
        for key in living {
            let place = contained(self.resolver.of_living(key, now_ns));
            places.extend(place.map(|place| (key, place)));
        }
        places
    }

    fn explanation(
        &self,
        known: &Known<'_>,
        lives: &[Life<'_>],
        places: &Places,
    ) -> api::Explanation {
        let rows = self.parents.rows(known.now_ns, self.lifecycle.zombies());
        let keeper = |process: &Process, role: &str| {
            let row = self.parents.row_of(process, &rows, known.now_ns);
            let mut keeper = self.keeper(&row, role, known.snapshot);
            keeper.habits.container = places.get(&process.key).cloned();
            keeper
        };
        let mut told = report::explanation(self.wall, known, lives, keeper);
        if let Some(last) = lives.first() {
            told.verdict = self.verdict_on(known, last, told.habits.as_ref());
            told.container = places.get(&last.process.key).cloned();
            if let Some(death) = &mut told.death {
                death.container.clone_from(&told.container);
            }
        }
        told
    }

    /// For a zombie, why it is not reaped; for a living process, why it does not reap. Nothing is
    /// known yet of one that is exiting.
    fn verdict_on(
        &self,
        known: &Known<'_>,
        life: &Life<'_>,
        habits: Option<&api::Keeper>,
    ) -> Option<api::Verdict> {
        match life.state {
            State::Zombie => self.why_unreaped(life.record?, known.now_ns),
            State::Alive => habits?.habits.verdict.clone(),
            State::LeaderExited => {
                let own = habits.and_then(|it| it.habits.verdict.clone());
                let none = || story::leader_exited(life.process, known.living_threads());
                own.or_else(|| Some(report::verdict(&none())))
            }
            State::Exiting | State::Reaped | State::Unknown => None,
        }
    }

    /// How a process treats its dead children. The snapshot also counts the waits of processes that
    /// are not suspects.
    fn keeper(&self, row: &parents::Row, role: &str, snapshot: Option<&Snapshot>) -> api::Keeper {
        let task = snapshot.and_then(|snapshot| snapshot.of(row.process.key));
        let waits = task
            .filter(|_| self.counts_waits())
            .and_then(|task| task.waits);
        report::keeper(self.wall, row, role, self.culprit(row), waits)
    }
}
