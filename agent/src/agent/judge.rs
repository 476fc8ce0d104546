//! Rounds of judging: the loop picks the suspects, a helper thread reads their files, and the rules
//! judge what arrived in time.

use std::{
    collections::{BTreeMap, HashMap},
    future,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    core::Agent,
    findings::{self, Findings},
    place,
    questions::Question,
};
use crate::{
    api::{Document, Top},
    cgroups::Mounts,
    events::{Key, Process},
    evidence::{
        Evidence, Facts, Place, Zombies, collect,
        ends::Search,
        suspects::{Known, Look, Suspect, YOUNG_NS, suspects},
    },
    kernel,
    lifecycle::Record,
    parents, report,
    verdict::{self, Verdict},
};

/// How long a round waits for evidence from files.
const PATIENCE: Duration = Duration::from_millis(500);
/// Maximum number of suspects in one round.
pub(super) const SUSPECTS: usize = 32;
/// Verdicts younger than this are reused.
const FRESH_NS: u64 = 1_000_000_000;
/// How often rounds run for `top` while a client watches it.
const FOR_TOP_NS: u64 = 5_000_000_000;
/// How often rounds run for the metrics.
pub(super) const IN_BACKGROUND_NS: u64 = 10_000_000_000;
/// The same while recording, since a recording may be short.
pub(super) const WHILE_RECORDING_NS: u64 = 2_000_000_000;
/// How long a look serves as the baseline for later ones.
const COMPARED_FOR_NS: u64 = 20_000_000_000;

/// The verdicts, and the round in progress.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// By tgid of the culprit.
    judged: BTreeMap<u32, Judged>,
    /// When the last round began.
    at_ns: Option<u64>,
    looks: HashMap<Key, Look>,
    round: Option<Round>,
    /// The last thread that examined suspects. It may outlive its round if a file hangs.
    looking: Option<JoinHandle<()>>,
    waiting: Vec<Question>,
}

/// What a round found out about one process.
#[derive(Debug)]
pub(super) struct Judged {
    key: Key,
    process: Process,
    /// Its wait calls since the agent started.
    pub(super) waits: Option<u64>,
    /// When the last of them began.
    pub(super) last_wait_ns: Option<u64>,
    /// Why it does not reap, as of that look.
    verdict: Option<Verdict>,
    /// The zombies that it held then.
    zombies: Zombies,
    /// When its files were last readable; the verdict dates from then.
    looked_ns: Option<u64>,
    /// What could not be read.
    unreadable: Vec<String>,
}

#[derive(Debug)]
struct Round {
    began_ns: u64,
    suspects: Vec<Suspect>,
    facts: Findings<Facts>,
}

impl Judge {
    /// What the last round found out about a process.
    pub(super) fn judged(&self, key: Key) -> Option<&Judged> {
        let judged = self.judged.get(&key.tgid)?;
        judged.key.is_roughly(key).then_some(judged)
    }

    /// The verdict on a process, as of the last round.
    pub(super) fn verdict(&self, key: Key) -> Option<&Verdict> {
        self.judged(key)?.verdict.as_ref()
    }

    /// Whether a zombie that died then was old enough when the last round began.
    pub(super) fn is_old(&self, died_ns: u64) -> bool {
        self.at_ns
            .is_some_and(|at_ns| at_ns.saturating_sub(died_ns) >= YOUNG_NS)
    }

    /// The culprits of the last round with their verdicts.
    pub(super) fn all(&self) -> impl Iterator<Item = (Key, &'static str)> {
        self.judged.values().map(|judged| {
            let verdict = judged.verdict.as_ref();
            let id = verdict.map_or(verdict::UNEXPLAINED, |verdict| verdict.id);
            (judged.key, id)
        })
    }

    /// What the last round could not read, and what that requires.
    pub(super) fn notes(&self) -> Vec<String> {
        let judged = self.judged.values();
        let unreadable = judged.flat_map(|judged| &judged.unreadable);
        report::notes(unreadable.map(String::as_str))
    }

    /// All results of the last round.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&Process, Option<&Verdict>)> {
        let judged = self.judged.values();
        judged.map(|judged| (&judged.process, judged.verdict.as_ref()))
    }

    fn is_older_than(&self, age_ns: u64, now_ns: u64) -> bool {
        self.at_ns
            .is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= age_ns)
    }

    /// Resolves when the round in progress has all that it can get; never if there is none.
    pub(super) async fn round_over(&mut self) {
        match &mut self.round {
            Some(round) => round.facts.are_in().await,
            None => future::pending().await,
        }
    }

    fn begin(&mut self, suspects: Vec<Suspect>, now_ns: u64) {
        let who = |suspect: &Suspect| (suspect.process.key, suspect.evidence.zombies.pids.clone());
        let mut keys: Vec<_> = suspects.iter().map(who).collect();
        // Suspects that the last round had no time for come first.
        keys.sort_by_key(|&(key, _)| self.judged(key).and_then(|judged| judged.looked_ns));
        let (found, facts) = Findings::within(PATIENCE);
        let busy = self
            .looking
            .as_ref()
            .is_some_and(|thread| !thread.is_finished());
        if !busy && !keys.is_empty() {
            let thread = thread::Builder::new().name("reapwatch-look".to_owned());
            match thread.spawn(move || look(&keys, &found)) {
                Ok(thread) => self.looking = Some(thread),
                Err(error) => log::warn!("cannot start the thread that collects evidence: {error}"),
            }
        }
        self.round = Some(Round {
            began_ns: now_ns,
            suspects,
            facts,
        });
    }

    /// Judges the results of the round. `place` finds the workload of a suspect.
    fn end(&mut self, now_ns: u64, mut place: impl FnMut(Key, Option<&Facts>) -> Place) {
        let Some(mut round) = self.round.take() else {
            return;
        };
        let mut before = std::mem::take(&mut self.judged);
        self.at_ns = Some(round.began_ns);
        let mut looks = HashMap::new();
        for suspect in &round.suspects {
            let key = suspect.process.key;
            let earlier = self.looks.remove(&key);
            let facts = round.facts.take(key);
            let place = place(key, facts.as_ref());
            let evidence = Evidence {
                place,
                ..suspect.complete(facts, now_ns, earlier.as_ref())
            };
            let judged = Judged::of(suspect, &evidence, now_ns, before.remove(&key.tgid));
            self.judged.insert(key.tgid, judged);
            // A look without any readable file is no baseline.
            let told_more = |look: &Look| look.evidence.facts.is_some() || evidence.facts.is_none();
            let kept = earlier.filter(|look| now_ns - look.at_ns < COMPARED_FOR_NS);
            let kept = kept.filter(told_more);
            let look = kept.unwrap_or(Look {
                at_ns: now_ns,
                evidence,
            });
            looks.insert(key, look);
        }
        self.looks = looks;
    }
}

impl Judged {
    /// Why it does not reap, for the number of zombies in `row`.
    pub(super) fn verdict(&self, row: &parents::Row) -> Option<Verdict> {
        let verdict = self.verdict.as_ref()?;
        Some(match row.oldest_ns {
            Some(age_ns) => verdict::with_count(verdict, &self.zombies, row.zombies, age_ns),
            None => verdict.clone(),
        })
    }

    /// Judges by this round's evidence. If no file was read in time, the last result that had some
    /// is kept, unless it is too old.
    fn of(suspect: &Suspect, evidence: &Evidence, now_ns: u64, before: Option<Self>) -> Self {
        let key = suspect.process.key;
        let last_wait_age_ns = evidence.habits.last_wait_age_ns;
        let judged = Self {
            key,
            process: suspect.process.clone(),
            waits: evidence.habits.waits,
            last_wait_ns: last_wait_age_ns.map(|age_ns| suspect.at_ns - age_ns),
            verdict: None,
            zombies: evidence.zombies.clone(),
            looked_ns: None,
            unreadable: Vec::new(),
        };
        let recent = before.filter(|before| before.key.is_roughly(key));
        let recent = recent.filter(|before| {
            let looked = before.looked_ns.filter(|_| evidence.facts.is_none());
            looked.is_some_and(|looked_ns| now_ns - looked_ns < COMPARED_FOR_NS)
        });
        match recent {
            Some(before) => Self {
                verdict: before.verdict,
                zombies: before.zombies,
                looked_ns: before.looked_ns,
                unreadable: before.unreadable,
                ..judged
            },
            None => Self {
                verdict: verdict::judge(evidence),
                looked_ns: evidence.facts.is_some().then_some(now_ns),
                unreadable: evidence
                    .facts
                    .as_ref()
                    .map(|facts| facts.unreadable.clone())
                    .unwrap_or_default(),
                ..judged
            },
        }
    }
}

/// Reads the files of each suspect and its zombies, until the receiver is gone.
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
    /// Answers from recent verdicts, or after the round that this starts.
    pub(super) fn answer_judged(&mut self, question: Question) {
        let fresh = !self.judge.is_older_than(FRESH_NS, kernel::now_ns());
        if fresh && self.judge.round.is_none() && self.all_are_judged() {
            self.answer_placed(question);
        } else {
            self.judge.waiting.push(question);
            self.judge_if_older_than(0);
        }
    }

    /// Answers from existing verdicts, unless a suspect has none yet.
    pub(super) fn answer_top(&mut self, to: oneshot::Sender<Document<Top>>) {
        if self.judge.at_ns.is_some() && self.all_are_judged() {
            self.judge_if_older_than(FOR_TOP_NS);
            self.answer_placed(Question::Top(to));
        } else {
            self.judge.waiting.push(Question::Top(to));
            self.judge_if_older_than(0);
        }
    }

    /// Whether the last round judged all current suspects, or the maximum number.
    fn all_are_judged(&self) -> bool {
        let mut old = self.old_zombies(kernel::now_ns());
        self.judge.judged.len() >= SUSPECTS
            || old.all(|record| {
                let holder = record.responsible();
                holder.is_none_or(|holder| self.judge.judged(holder.key).is_some())
            })
    }

    /// Starts a round, unless one is running or the last one is recent.
    pub(super) fn judge_if_older_than(&mut self, age_ns: u64) {
        let now_ns = kernel::now_ns();
        if self.judge.round.is_some() || !self.judge.is_older_than(age_ns, now_ns) {
            return;
        }
        let found = if self.old_zombies(now_ns).next().is_some() {
            let snapshot = self.look_at_all();
            if let Some(snapshot) = &snapshot {
                self.count_stuck_in(snapshot);
            }
            let known = Known {
                now_ns,
                began_ns: self.began_ns,
                lifecycle: &self.lifecycle,
                parents: &self.parents,
                snapshot: snapshot.as_ref(),
                counts_waits: self.counts_waits(),
            };
            suspects(&known, SUSPECTS)
        } else {
            Vec::new()
        };
        self.judge.begin(found, now_ns);
    }

    fn old_zombies(&self, now_ns: u64) -> impl Iterator<Item = &Record> {
        let is_old = move |record: &&Record| now_ns.saturating_sub(record.died.at_ns) >= YOUNG_NS;
        self.lifecycle.zombies().filter(is_old)
    }

    pub(super) fn counts_waits(&self) -> bool {
        let wait = self.probes.iter().find(|probe| probe.probe == "wait");
        wait.is_some_and(|probe| probe.hook.is_some())
    }

    /// Judges and answers the waiting requests.
    pub(super) fn end_round(&mut self) {
        self.wall.follow();
        let now_ns = kernel::now_ns();
        let Self {
            judge,
            lifecycle,
            resolver,
            ..
        } = self;
        judge.end(now_ns, |holder, facts| {
            let own = resolver.of_living(holder, now_ns);
            let number = facts.and_then(|facts| facts.own_number);
            if number.is_none_or(|(number, depth)| number != 1 || depth == 0) {
                return place::of(own.as_deref(), &[]);
            }
            let held = lifecycle.zombies().filter(|record| {
                let responsible = record.responsible();
                responsible.is_some_and(|it| it.key.is_roughly(holder))
            });
            let held: Vec<_> = held
                .filter_map(|record| resolver.of_record(record, now_ns))
                .collect();
            place::of(own.as_deref(), &held)
        });
        self.recorder.verdicts(now_ns, self.judge.verdicts());
        for question in std::mem::take(&mut self.judge.waiting) {
            self.answer_placed(question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Habits, Program, Role, Thread, Zombies};

    const SECOND: u64 = 1_000_000_000;
    const PARENT: Key = Key {
        tgid: 42,
        start_ns: 7,
    };

    /// The judgement at this second, with these thread states.
    fn at(second: u64, states: Option<&[char]>, before: Option<Judged>) -> Judged {
        let thread = |&state: &char| Thread {
            tid: PARENT.tgid,
            state,
            wchan: None,
            awaits: None,
            stack: Vec::new(),
            comm: "app".to_owned(),
            block: None,
        };
        let facts = states.map(|states| Facts {
            threads: states.len() as u32,
            looked_at: states.iter().map(thread).collect(),
            ..Facts::default()
        });
        let evidence = Evidence {
            pid: PARENT.tgid,
            comm: "app".to_owned(),
            role: Role::Parent,
            watched_ns: second * SECOND,
            program: Program::default(),
            place: Place::default(),
            zombies: Zombies {
                count: 3,
                old: 3,
                oldest_age_ns: second * SECOND,
                ..Zombies::default()
            },
            habits: Habits::default(),
            facts,
            since: None,
        };
        let suspect = Suspect {
            process: Process {
                key: PARENT,
                tid: PARENT.tgid,
                comm: "app".to_owned(),
            },
            at_ns: second * SECOND,
            oldest_died_ns: 0,
            evidence: evidence.clone(),
            stop_signal: None,
        };
        Judged::of(&suspect, &evidence, second * SECOND, before)
    }

    fn id(judged: &Judged) -> &str {
        judged.verdict.as_ref().map_or("none", |verdict| verdict.id)
    }

    #[test]
    fn an_unreadable_suspect_keeps_its_verdict_for_a_while() {
        let stopped = at(10, Some(&['T']), None);
        assert_eq!(id(&stopped), "parent_stopped");
        let soon = at(15, None, Some(stopped));
        assert_eq!(id(&soon), "parent_stopped");
        let later = at(40, None, Some(soon));
        assert_ne!(id(&later), "parent_stopped");
    }

    #[test]
    fn fresh_evidence_replaces_old() {
        let stopped = at(10, Some(&['T']), None);
        assert_ne!(id(&at(11, Some(&['S']), Some(stopped))), "parent_stopped");
    }
}
