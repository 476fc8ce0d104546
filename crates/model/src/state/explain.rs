//! The story of one process, from the table, a snapshot, the habits and verdicts of those who must
//! reap it, and the facts from /proc.

use std::collections::{BTreeMap, BTreeSet};

use api::{Role, Seconds};

use super::{LIMITS, State};
use crate::answers::{self, finished, process, time};
use crate::events::{Key, Process, Snapshot};
use crate::explain::{self, Exit, Known, Life, Moment, Phase, Seen};
use crate::lifecycle::Record;
use crate::parents::Row;

/// What an explanation is made from.
struct Asked<'a> {
    known: &'a Known<'a>,
    /// Those who have or had the PID, the last first.
    lives: &'a [Life<'a>],
    /// The workloads of processes, as far as they are known.
    places: BTreeMap<Key, api::Container>,
    rows: Vec<Row>,
}

impl Asked<'_> {
    fn place(&self, process: &Process) -> Option<api::Container> {
        self.places.get(&process.key).cloned()
    }
}

impl State {
    /// Explains the process that has or had this PID; `seen` is its current state in /proc.
    pub fn explain(
        &mut self,
        pid: u32,
        seen: &Seen,
        snapshot: Option<&Snapshot>,
        now_ns: u64,
    ) -> api::Explained {
        let places = self.places(pid, snapshot, now_ns);
        let gone = snapshot.and_then(|snapshot| self.lifecycle.gone_of(pid, snapshot));
        let deaths = self.lifecycle.deaths_of(pid);
        let records = gone.iter().chain(&deaths).collect();
        let known = Known {
            pid,
            now_ns,
            began_ns: self.about.began_ns,
            remembered_ns: LIMITS.recent_ns,
            records,
            snapshot,
            seen,
        };
        let shown = snapshot.and_then(|snapshot| snapshot.tasks.of_tgid(pid));
        let asked = Asked {
            known: &known,
            lives: &explain::lives(&known, shown.as_ref()),
            places,
            rows: self.rows(now_ns),
        };
        api::Explained {
            head: self.head(now_ns),
            story: self.explanation(&asked),
        }
    }

    /// The workloads of all processes that have or had this PID, and of their parents.
    fn places(
        &mut self,
        pid: u32,
        snapshot: Option<&Snapshot>,
        now_ns: u64,
    ) -> BTreeMap<Key, api::Container> {
        let task = snapshot.and_then(|snapshot| snapshot.tasks.of_tgid(pid));
        let mut living: BTreeSet<Key> = task
            .iter()
            .flat_map(|task| [Some(task.process), task.parent, task.tracer])
            .flatten()
            .map(|process| process.key)
            .collect();
        let mut places = BTreeMap::new();
        for record in self.lifecycle.deaths_of(pid) {
            living.extend(record.responsible().map(|process| process.key));
            let place = self.workloads.container_of_record(&record, now_ns);
            places.extend(place.map(|place| (record.process.key, place)));
        }
        for key in living {
            let place = self.workloads.container(key, now_ns);
            places.extend(place.map(|place| (key, place)));
        }
        places
    }

    fn explanation(&self, asked: &Asked<'_>) -> api::Explanation {
        let Asked { known, lives, .. } = asked;
        let last = lives.first();
        let lives_on = last.filter(|life| life.state.is_alive());
        let habits = lives_on.map(|life| self.keeper(life.process, Role::Itself, asked));
        let held = habits.as_ref().map_or(0, |habits| habits.culprit.zombies);
        let story = explain::story(known, last, held);
        let someone = |who: &Process| process(self.wall, who);
        let dead =
            |record: &Record| finished(self.wall, record, [asked.place(&record.process), None]);
        let before = lives.iter().skip(1).filter_map(|life| life.record);
        api::Explanation {
            pid: known.pid,
            process: story.process.as_ref().map(someone),
            state: story.state.for_answer().into(),
            exit_has_begun: story.exit.map(|exit| exit != Exit::NotBegun),
            leader_exited: story.state == explain::State::LeaderExited,
            threads: match story.state {
                explain::State::LeaderExited => known.living_threads(),
                explain::State::Alive => known.seen.threads,
                _ => None,
            },
            timeline: story
                .timeline
                .into_iter()
                .map(|it| self.moment(it))
                .collect(),
            phases: story.phases.iter().map(phase).collect(),
            ancestry: story.ancestry.iter().map(someone).collect(),
            forker: last.and_then(Life::forker).map(someone),
            responsible: last.and_then(|life| self.responsible(life, asked)),
            verdict: last.and_then(|life| self.verdict_on(life, habits.as_ref(), known)),
            habits,
            pidfds: lives_on.and(known.seen.pidfds),
            death: last.and_then(|life| life.record).map(dead),
            container: last.and_then(|life| asked.place(life.process)),
            ignored: lives_on.and_then(|life| self.ignored(life, known)),
            stuck: None,
            earlier: before.map(|record| self.earlier(record)).collect(),
            summary: story.summary,
            meaning: story.meaning.map(str::to_owned),
            advice: story.advice,
        }
    }

    /// How a process treats its dead children; the snapshot counts the waits of those who are not
    /// suspects too.
    fn keeper(&self, process: &Process, role: Role, asked: &Asked<'_>) -> api::Keeper {
        let row = self
            .parents
            .row_of(process, &asked.rows, asked.known.now_ns);
        let task = asked.known.snapshot;
        let task = task.and_then(|it| it.tasks.get(row.process.key));
        let waits = task.and_then(|task| task.waits.as_deref().copied());
        // Where wait calls are not watched there are none to count.
        let waits = waits.filter(|waits| self.counts_waits || waits.last_ns.is_some());
        api::Keeper {
            role: role.into(),
            habits: self.habits(&[&row], asked.known.now_ns),
            culprit: self.culprit(&row, asked.place(process), waits),
        }
    }

    /// The process that must reap it.
    fn responsible(&self, life: &Life<'_>, asked: &Asked<'_>) -> Option<api::Keeper> {
        if !matches!(life.state, explain::State::Zombie | explain::State::Exiting) {
            return None;
        }
        let role = match life.tracer() {
            Some(_) => Role::Tracer,
            None => Role::Parent,
        };
        Some(self.keeper(life.responsible()?, role, asked))
    }

    /// Of a zombie why it is not reaped, of a living process why it does not reap. Of one on its
    /// way out nothing is known yet.
    fn verdict_on(
        &self,
        life: &Life<'_>,
        habits: Option<&api::Keeper>,
        known: &Known<'_>,
    ) -> Option<api::Verdict> {
        let own = habits.and_then(|it| it.culprit.verdict.clone());
        match life.state {
            explain::State::Zombie => {
                let why = self.why_unreaped(life.record?, known.now_ns);
                why.as_deref().cloned()
            }
            explain::State::Alive => own,
            explain::State::LeaderExited => own.or_else(|| {
                let verdict = explain::leader_exited(life.process, known.living_threads());
                Some(verdict.for_answer(|_| false))
            }),
            _ => None,
        }
    }

    /// The signal that should have ended it.
    fn ignored(&self, life: &Life<'_>, known: &Known<'_>) -> Option<api::Killer> {
        let task = life.task?;
        let held_back = known.seen.pending.is_some().then_some(task.kill.as_ref());
        let held_back = held_back.flatten();
        let held_back = held_back.map(|kill| answers::killer(self.wall, kill));
        let ignored = task.ignored.as_ref();
        held_back.or(ignored.map(|ignored| answers::stuck::ignored(self.wall, ignored)))
    }

    fn moment(&self, moment: Moment) -> api::Moment {
        api::Moment {
            at: moment.at_ns.map(|at_ns| time(self.wall, at_ns)),
            bound: moment.bound.into(),
            what: moment.what,
        }
    }

    /// An earlier process with this PID.
    fn earlier(&self, record: &Record) -> api::Earlier {
        let dead = finished(self.wall, record, [None, None]);
        api::Earlier {
            process: process(self.wall, &record.process),
            died_at: dead.died_at,
            reaped_at: dead.reaped_at,
        }
    }
}

fn phase(phase: &Phase) -> api::Phase {
    api::Phase {
        name: phase.name.into(),
        seconds: Seconds::of_ns(phase.ns),
        bound: phase.bound.into(),
        what: explain::what(phase.name).to_owned(),
    }
}
