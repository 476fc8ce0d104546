//! Rounds of judging: the loop names the suspects, a helper thread reads their files, and the
//! rules judge what came in time.

use std::{
    future,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    core::Agent,
    findings::{self, Findings},
    questions::Question,
};
use crate::host::cgroups::Mounts;
use crate::host::ends::Search;
use crate::host::suspects::collect;
use crate::probes;
use api::{Document, Top};
use model::culprit::evidence::Facts;
use model::culprit::evidence::suspects::{Known, Suspect, YOUNG_NS, suspects};
use model::culprit::judgements::Judgements;
use model::culprit::place;
use model::events::Key;
use model::lifecycle::Record;
use model::state::State;

/// How long a round waits for what the files say.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most suspects of one round.
pub(super) const SUSPECTS: usize = 32;
/// Verdicts younger than this answer the next question too.
const FRESH_NS: u64 = 1_000_000_000;
/// How often rounds are made for `top`, while somebody looks at it.
const FOR_TOP_NS: u64 = 5_000_000_000;
/// How often rounds are made for the metrics.
pub(super) const IN_BACKGROUND_NS: u64 = 10_000_000_000;
/// The same while a recording is made, which may be short.
pub(super) const WHILE_RECORDING_NS: u64 = 2_000_000_000;
/// The round under way.
#[derive(Debug, Default)]
pub(super) struct Judge {
    round: Option<Round>,
    /// The last thread that looked at suspects; it may outlive its round where a file hangs.
    looking: Option<JoinHandle<()>>,
    waiting: Vec<Question>,
}

#[derive(Debug)]
struct Round {
    began_ns: u64,
    suspects: Vec<Suspect>,
    facts: Findings<Facts>,
}

impl Judge {
    /// Resolves when the round under way has all that it can get; never while there is none.
    pub(super) async fn round_over(&mut self) {
        match &mut self.round {
            Some(round) => round.facts.are_in().await,
            None => future::pending().await,
        }
    }

    fn begin(&mut self, suspects: Vec<Suspect>, judgements: &Judgements, now_ns: u64) {
        let who = |suspect: &Suspect| (suspect.process.key, suspect.evidence.zombies.pids.clone());
        let mut keys: Vec<_> = suspects.iter().map(who).collect();
        // Where the time is not enough for all, those who had to go without come first.
        keys.sort_by_key(|&(key, _)| judgements.looked_ns(key));
        let (found, facts) = Findings::within(PATIENCE);
        let busy = self
            .looking
            .as_ref()
            .is_some_and(|thread| !thread.is_finished());
        if !busy && !keys.is_empty() {
            let thread = thread::Builder::new().name("reapwatch-look".to_owned());
            match thread.spawn(move || look(&keys, &found)) {
                Ok(thread) => self.looking = Some(thread),
                Err(error) => log::warn!("cannot start a thread to look at suspects: {error}"),
            }
        }
        self.round = Some(Round {
            began_ns: now_ns,
            suspects,
            facts,
        });
    }
}

/// Reads the files of each, with the zombies it holds, until nobody listens any more.
fn look(suspects: &[(Key, Vec<u32>)], found: &findings::Sender<Facts>) {
    let mounts = Mounts::find();
    let mut search = Search::new();
    for (key, zombies) in suspects {
        if found.is_closed() {
            return;
        }
        if let Some(facts) = collect::facts(*key, zombies, &mounts, &mut search) {
            // The round may end at any time.
            let _over = found.send((*key, facts));
        }
    }
}

impl Agent {
    /// Answers from fresh verdicts, or when the round that this begins is over.
    pub(super) fn answer_judged(&mut self, question: Question) {
        let fresh = !self.is_judged_before(FRESH_NS, probes::now_ns());
        if fresh && self.judge.round.is_none() && self.all_are_judged() {
            self.answer_placed(question);
        } else {
            self.judge.waiting.push(question);
            self.judge_if_older_than(0);
        }
    }

    /// Answers from the verdicts that there are, unless somebody has not been judged at all.
    pub(super) fn answer_top(&mut self, limit: Option<usize>, to: oneshot::Sender<Document<Top>>) {
        if self.state.judgements.at_ns().is_some() && self.all_are_judged() {
            self.judge_if_older_than(FOR_TOP_NS);
            self.answer_placed(Question::Top(limit, to));
        } else {
            self.judge.waiting.push(Question::Top(limit, to));
            self.judge_if_older_than(0);
        }
    }

    /// Whether the last round began longer ago than that.
    fn is_judged_before(&self, age_ns: u64, now_ns: u64) -> bool {
        let at_ns = self.state.judgements.at_ns();
        at_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= age_ns)
    }

    /// Whether the last round judged all who hold old zombies now, or as many as a round may.
    fn all_are_judged(&self) -> bool {
        let judgements = &self.state.judgements;
        let mut old = self.old_zombies(probes::now_ns());
        judgements.all().len() >= SUSPECTS
            || old.all(|record| {
                let holder = record.responsible();
                holder.is_none_or(|holder| judgements.of(holder.key).is_some())
            })
    }

    /// Begins a round, unless one is under way or the last was not so long ago.
    pub(super) fn judge_if_older_than(&mut self, age_ns: u64) {
        let now_ns = probes::now_ns();
        if self.judge.round.is_some() || !self.is_judged_before(age_ns, now_ns) {
            return;
        }
        let found = if self.old_zombies(now_ns).next().is_some() {
            let snapshot = self.look_at_all();
            if let Some(snapshot) = &snapshot {
                self.count_stuck_in(snapshot);
            }
            let known = Known {
                now_ns,
                began_ns: self.state.about.began_ns,
                lifecycle: &self.state.lifecycle,
                parents: &self.state.parents,
                snapshot: snapshot.as_ref(),
                counts_waits: self.state.counts_waits,
            };
            suspects(&known, SUSPECTS)
        } else {
            Vec::new()
        };
        self.judge.begin(found, &self.state.judgements, now_ns);
    }

    fn old_zombies(&self, now_ns: u64) -> impl Iterator<Item = &Record> {
        let is_old = move |record: &&Record| now_ns.saturating_sub(record.died.at_ns) >= YOUNG_NS;
        self.state.lifecycle.zombies().filter(is_old)
    }

    /// Judges, and answers those who wait for it.
    pub(super) fn end_round(&mut self) {
        self.follow_clock();
        let Some(mut round) = self.judge.round.take() else {
            return;
        };
        let now_ns = probes::now_ns();
        let State {
            judgements,
            lifecycle,
            workloads,
            ..
        } = &mut self.state;
        let place = |holder: Key, facts: Option<&Facts>| {
            let own = workloads.of_process(holder, now_ns);
            let number = facts.and_then(|facts| facts.own_number);
            if number.is_none_or(|(number, depth)| number != 1 || depth == 0) {
                return place::of(own.as_deref(), &[]);
            }
            let held = lifecycle.zombies().filter(|record| {
                let responsible = record.responsible();
                responsible.is_some_and(|it| it.key.is_roughly(holder))
            });
            let held: Vec<_> = held
                .filter_map(|record| workloads.of_record(record, now_ns))
                .collect();
            place::of(own.as_deref(), &held)
        };
        let facts = |key| round.facts.take(key);
        judgements.end_round(round.began_ns, now_ns, &round.suspects, facts, place);
        self.recorder.verdicts(now_ns, self.state.judgements.all());
        for question in std::mem::take(&mut self.judge.waiting) {
            self.answer_placed(question);
        }
    }
}
