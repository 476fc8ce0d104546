//! What rounds of judging found, by culprit.

use std::collections::{BTreeMap, HashMap};

use super::evidence::suspects::{Look, Suspect, YOUNG_NS};
use super::evidence::{Evidence, Facts, Place};
use super::notes::notes;
use super::rules;
use crate::events::{Key, Process};
use crate::parents::Row;

/// For how long a look is the one that later ones are compared with.
const COMPARED_FOR_NS: u64 = 20_000_000_000;

/// The verdicts of the last round.
#[derive(Debug, Default)]
pub struct Judgements {
    /// By tgid of the culprit.
    judged: BTreeMap<u32, Judged>,
    /// When the last round began.
    at_ns: Option<u64>,
    looks: HashMap<Key, Look>,
}

/// What a round found of one process.
#[derive(Debug)]
pub struct Judged {
    process: Process,
    /// Its calls of wait since the agent came.
    pub waits: Option<u64>,
    /// When the last of them began.
    pub last_wait_ns: Option<u64>,
    /// Why it does not reap, as of the look.
    verdict: Option<api::Shared<api::Verdict>>,
    /// When its files were last read; the verdict is of then.
    looked_ns: Option<u64>,
    /// What could not be read of it.
    unreadable: Vec<String>,
    /// It is from a recording, and shown as it was then.
    is_replayed: bool,
}

impl Judgements {
    /// What the last round found of a process.
    pub fn of(&self, key: Key) -> Option<&Judged> {
        let judged = self.judged.get(&key.tgid)?;
        judged.process.key.is_roughly(key).then_some(judged)
    }

    /// The verdict on a process, as of the last round.
    pub fn verdict(&self, key: Key) -> Option<&api::Shared<api::Verdict>> {
        self.of(key)?.verdict.as_ref()
    }

    /// The name of the verdict on a process.
    pub fn id(&self, key: Key) -> Option<&str> {
        self.verdict(key).map(|verdict| &*verdict.id.0)
    }

    /// Of all who were judged.
    pub fn all(&self) -> impl ExactSizeIterator<Item = (&Process, Option<&api::Verdict>)> {
        let judged = self.judged.values();
        judged.map(|judged| (&judged.process, judged.verdict.as_deref()))
    }

    /// When the last round began.
    pub fn at_ns(&self) -> Option<u64> {
        self.at_ns
    }

    /// When the files of a process were last read for a verdict.
    pub fn looked_ns(&self, key: Key) -> Option<u64> {
        self.of(key)?.looked_ns
    }

    /// Whether a zombie that died then was no longer young when the last round began.
    pub fn is_old(&self, died_ns: u64) -> bool {
        self.at_ns
            .is_some_and(|at_ns| at_ns.saturating_sub(died_ns) >= YOUNG_NS)
    }

    /// What could not be read in the last round, and what that needs.
    pub fn notes(&self) -> Vec<String> {
        let judged = self.judged.values();
        let unreadable = judged.flat_map(|judged| &judged.unreadable);
        notes(unreadable.map(String::as_str))
    }

    /// Judges the suspects of a round by what was read of each in time.
    pub fn end_round(
        &mut self,
        began_ns: u64,
        now_ns: u64,
        suspects: &[Suspect],
        mut facts: impl FnMut(Key) -> Option<Facts>,
        mut place: impl FnMut(Key, Option<&Facts>) -> Place,
    ) {
        let mut before = std::mem::take(&mut self.judged);
        self.at_ns = Some(began_ns);
        let mut looks = HashMap::new();
        for suspect in suspects {
            let key = suspect.process.key;
            let earlier = self.looks.remove(&key);
            let facts = facts(key);
            let place = place(key, facts.as_ref());
            let evidence = Evidence {
                place,
                ..suspect.complete(facts, now_ns, earlier.as_ref())
            };
            let judged = Judged::of(suspect, &evidence, now_ns, before.remove(&key.tgid));
            self.judged.insert(key.tgid, judged);
            // There is little to compare with a look in which nothing could be read.
            let has_more = |look: &Look| look.evidence.facts.is_some() || evidence.facts.is_none();
            let kept = earlier.filter(|look| now_ns - look.at_ns < COMPARED_FOR_NS);
            let kept = kept.filter(has_more);
            let look = kept.unwrap_or(Look {
                at_ns: now_ns,
                evidence,
            });
            looks.insert(key, look);
        }
        self.looks = looks;
    }

    /// A verdict that was made while a recording was made.
    pub fn replay(&mut self, at_ns: u64, process: Process, verdict: Option<api::Verdict>) {
        self.at_ns = self.at_ns.max(Some(at_ns));
        let judged = Judged {
            waits: None,
            last_wait_ns: None,
            verdict: verdict.map(api::Shared::new),
            looked_ns: None,
            unreadable: Vec::new(),
            is_replayed: true,
            process,
        };
        self.judged.insert(judged.process.key.tgid, judged);
    }

    /// From now on everything counts as old that was old at this moment.
    pub fn as_of(&mut self, now_ns: u64) {
        self.at_ns = Some(now_ns);
    }
}

impl Judged {
    /// Why it does not reap, with as many zombies as `row` has.
    pub fn verdict(&self, row: &Row) -> Option<api::Verdict> {
        let mut verdict = self.verdict.as_deref()?.clone();
        if let Some(age_ns) = row.oldest_ns.filter(|_| !self.is_replayed) {
            let is_lower_bound = row.oldest_is_lower_bound;
            rules::recount(&mut verdict, row.zombies, age_ns, is_lower_bound);
        }
        Some(verdict)
    }

    /// By the evidence of a round; where no file could be read in time, as the last time that one
    /// could, unless that is long ago.
    fn of(suspect: &Suspect, evidence: &Evidence, now_ns: u64, before: Option<Self>) -> Self {
        let key = suspect.process.key;
        let last_wait_age_ns = evidence.habits.last_wait_age_ns;
        let judged = Self {
            process: suspect.process,
            waits: evidence.habits.waits,
            last_wait_ns: last_wait_age_ns.map(|age_ns| suspect.at_ns - age_ns),
            verdict: None,
            looked_ns: None,
            unreadable: Vec::new(),
            is_replayed: false,
        };
        let recent = before.filter(|before| before.process.key.is_roughly(key));
        let recent = recent.filter(|before| {
            let looked = before.looked_ns.filter(|_| evidence.facts.is_none());
            looked.is_some_and(|looked_ns| now_ns - looked_ns < COMPARED_FOR_NS)
        });
        match recent {
            Some(before) => Self {
                verdict: before.verdict,
                looked_ns: before.looked_ns,
                unreadable: before.unreadable,
                ..judged
            },
            None => Self {
                verdict: rules::answer(evidence).map(api::Shared::new),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::culprit::evidence::{Habits, Program, Role, Thread, Zombies};

    const SECOND: u64 = 1_000_000_000;
    const PARENT: Key = Key {
        tgid: 42,
        start_ns: 7,
    };

    /// That it is judged so at this second, by these states of its threads.
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
            process: Process::new(PARENT.tgid, PARENT.start_ns, "app"),
            at_ns: second * SECOND,
            oldest_died_ns: 0,
            evidence: evidence.clone(),
            stop_signal: None,
        };
        Judged::of(&suspect, &evidence, second * SECOND, before)
    }

    fn id(judged: &Judged) -> &str {
        judged
            .verdict
            .as_ref()
            .map_or("none", |verdict| &verdict.id.0)
    }

    #[test]
    fn a_process_whose_files_cannot_be_read_keeps_its_verdict_for_a_while() {
        let stopped = at(10, Some(&['T']), None);
        assert_eq!(id(&stopped), "parent_stopped");
        let soon = at(15, None, Some(stopped));
        assert_eq!(id(&soon), "parent_stopped");
        let later = at(40, None, Some(soon));
        assert_ne!(id(&later), "parent_stopped");
    }

    #[test]
    fn fresh_evidence_from_files_replaces_old_evidence() {
        let stopped = at(10, Some(&['T']), None);
        assert_ne!(id(&at(11, Some(&['S']), Some(stopped))), "parent_stopped");
    }
}
