//! The story of one process, put together from the table, a snapshot, the habits and verdicts of
//! those who must reap it, and what /proc says.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::contained;
use super::core::{Agent, LIMITS};
use crate::{
    api,
    events::{Key, Process, Snapshot},
    kernel, parents, report,
    story::{self, Known, Life, Seen, State},
};

/// Where processes belong, as far as that is known.
type Places = BTreeMap<Key, api::Container>;

impl Agent {
    pub(super) fn explain(&mut self, pid: u32, seen: &Seen) -> api::Explained {
        let snapshot = match self.look_at_all() {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                log::warn!("no snapshot of the processes: {error}");
                None
            }
        };
        // Who died while it was taken.
        self.drain();
        let now_ns = kernel::now_ns();
        let places = self.places(pid, snapshot.as_ref(), now_ns);
        let known = Known {
            pid,
            now_ns,
            began_ns: self.began_ns,
            remembered_ns: LIMITS.recent_ns,
            records: self.lifecycle.deaths_of(pid),
            snapshot: snapshot.as_ref(),
            seen,
        };
        let lives = story::lives(&known);
        api::Explained {
            head: self.head(now_ns),
            story: self.explanation(&known, &lives, &places),
        }
    }

    /// Where those belong who have or had this number, and those who must reap them.
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
            let row = rows
                .iter()
                .find(|row| row.process.key.is_roughly(process.key));
            let idle = row
                .is_none()
                .then(|| self.parents.idle(process, known.now_ns));
            let row = row.or(idle.as_ref())?;
            let mut keeper = self.keeper(row, role, known.snapshot);
            keeper.habits.container = places.get(&process.key).cloned();
            Some(keeper)
        };
        let last = lives.first();
        let lives_on = last.filter(|life| matches!(life.state, State::Alive | State::LeaderExited));
        let habits = lives_on.and_then(|life| keeper(life.process, "itself"));
        let held = habits.as_ref().map_or(0, |habits| habits.habits.zombies);
        let story = story::tell(known, last, held);
        let waits_for_reap =
            last.filter(|life| matches!(life.state, State::Zombie | State::Exiting));
        let responsible = waits_for_reap.and_then(|life| {
            let role = if life.tracer().is_some() {
                "tracer"
            } else {
                "parent"
            };
            keeper(life.responsible()?, role)
        });
        let earlier = lives.iter().skip(1);
        api::Explanation {
            verdict: last.and_then(|life| self.verdict_on(known, life, habits.as_ref())),
            habits,
            responsible,
            forker: last
                .and_then(Life::forker)
                .map(|forker| report::process(self.wall, forker)),
            death: last
                .and_then(|life| life.record)
                .map(|record| api::FinishedExit {
                    container: places.get(&record.process.key).cloned(),
                    ..report::finished(self.wall, record)
                }),
            earlier: earlier
                .filter_map(|life| Some(report::earlier(self.wall, life.record?)))
                .collect(),
            ..report::story(self.wall, known, &story)
        }
    }

    /// Of a zombie why it lies there, of a living process why it does not reap. Of one on its way
    /// out nothing is known yet.
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

    /// How a process treats its dead children; the snapshot counts the waits of those who are not
    /// suspects too.
    fn keeper(&self, row: &parents::Row, role: &str, snapshot: Option<&Snapshot>) -> api::Keeper {
        let mut habits = self.culprit(row);
        let mut tasks = snapshot.iter().flat_map(|snapshot| &snapshot.tasks);
        let task = tasks.find(|task| task.process.key.is_roughly(row.process.key));
        if let Some(task) = task.filter(|_| self.counts_waits()) {
            let waits = task.waits;
            habits.waits_total = waits.map(|waits| waits.calls).or(habits.waits_total);
            let last_wait = waits
                .and_then(|waits| waits.last_ns)
                .map(|at_ns| report::time(self.wall, at_ns));
            habits.last_wait_at = last_wait.or(habits.last_wait_at);
        }
        report::keeper(row, role, habits)
    }
}
