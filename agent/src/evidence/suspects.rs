//! Who holds zombies that have lain too long, and what the agent knows about them. Pure.

use std::collections::{BTreeMap, HashMap};

use super::{Cpu, Evidence, Facts, Habits, Place, Program, Quota, Role, Since, Thread, Zombies};
use crate::events::{Key, NamespacePid, Process, Snapshot, Task, TaskState};
use crate::lifecycle::{DiedBound, Record};
use crate::parents::Parents;

/// Zombies younger than this accuse nobody: parents that look once a second are in time.
pub const YOUNG_NS: u64 = 2_000_000_000;
/// An earlier look tells something only after so long.
const LEAST_SPAN_NS: u64 = 1_000_000_000;
/// SIGCHLD has this number on every architecture that is built for here.
const SIGCHLD: i32 = 17;

/// A process that holds old zombies, without what must be read from its files.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// The process.
    pub process: Process,
    /// When this was put together.
    pub at_ns: u64,
    /// When its oldest zombie died.
    pub oldest_died_ns: u64,
    /// All that is known but `facts` and `since`.
    pub evidence: Evidence,
}

/// A look at a suspect, to compare a later one with.
#[derive(Clone, Debug)]
pub struct Look {
    /// When.
    pub at_ns: u64,
    /// What was known then.
    pub evidence: Evidence,
}

/// What suspects are found in.
#[derive(Debug)]
pub struct Known<'a> {
    /// The time.
    pub now_ns: u64,
    /// Since when the agent watches.
    pub began_ns: u64,
    /// How each process treats its dead children.
    pub parents: &'a Parents,
    /// Tells how often each waited, who still lives, and which signal a zombie's parent gets now.
    pub snapshot: Option<&'a Snapshot>,
    /// Whether waits are counted at all.
    pub counts_waits: bool,
}

/// The most zombies first, at most `limit`.
pub fn suspects<'a>(
    known: &Known<'_>,
    zombies: impl Iterator<Item = &'a Record>,
    limit: usize,
) -> Vec<Suspect> {
    let tasks = Tasks::of(known.snapshot);
    let mut held = BTreeMap::<u32, Vec<&Record>>::new();
    for record in zombies {
        if let Some(holder) = record.responsible() {
            held.entry(holder.key.tgid).or_default().push(record);
        }
    }
    let suspect = |records: &Vec<&Record>| known.suspect(records, &tasks);
    let mut found: Vec<_> = held.values().filter_map(suspect).collect();
    found.sort_by_key(|suspect| std::cmp::Reverse(suspect.evidence.zombies.old));
    found.truncate(limit);
    found
}

/// Those of the snapshot.
struct Tasks<'a> {
    by_tgid: HashMap<u32, &'a Task>,
    /// The inits on their way out, by their PID namespaces.
    exiting_inits: HashMap<u32, &'a Process>,
}

impl<'a> Tasks<'a> {
    fn of(snapshot: Option<&'a Snapshot>) -> Self {
        let tasks = || snapshot.iter().flat_map(|snapshot| &snapshot.tasks);
        let exiting = tasks().filter(|task| task.state == TaskState::Exiting);
        let init = |task: &'a Task| {
            let own = task.pids.last().filter(|own| own.nr == 1)?;
            Some((own.namespace, &task.process))
        };
        Self {
            by_tgid: tasks().map(|task| (task.process.key.tgid, task)).collect(),
            exiting_inits: exiting.filter_map(init).collect(),
        }
    }

    fn get(&self, key: Key) -> Option<&'a Task> {
        let task = self.by_tgid.get(&key.tgid).copied();
        task.filter(|task| task.process.key.is_roughly(key))
    }

    /// The init that cannot end before this zombie is reaped by its holder, who is somebody else.
    fn held_init(&self, zombie: &[NamespacePid], holder: Key) -> Option<&'a Process> {
        let init = self.exiting_inits.get(&zombie.last()?.namespace)?;
        (!init.key.is_roughly(holder)).then_some(init)
    }
}

impl Known<'_> {
    fn age(&self, at_ns: u64) -> u64 {
        self.now_ns.saturating_sub(at_ns)
    }

    /// Who holds these zombies, unless all of them are young.
    fn suspect(&self, records: &[&Record], tasks: &Tasks<'_>) -> Option<Suspect> {
        let oldest = records.iter().min_by_key(|record| record.died.at_ns)?;
        if self.age(oldest.died.at_ns) < YOUNG_NS {
            return None;
        }
        let holder = oldest.responsible()?;
        let foreign = |record: &&&Record| match (&record.tracer, &record.parent) {
            (Some(tracer), Some(parent)) => !tracer.key.is_roughly(parent.key),
            (tracer, _) => tracer.is_some(),
        };
        let traced = records.iter().find(foreign);
        let real_parent = traced.and_then(|record| record.parent.as_ref());
        let zombies = Zombies {
            count: records.len() as u64,
            oldest_age_ns: self.age(oldest.died.at_ns),
            age_is_lower_bound: oldest.died.bound == DiedBound::NotAfter,
            real_parent: real_parent.map(|parent| (parent.key.tgid, parent.comm.clone())),
            ..self.old(records, holder, tasks)
        };
        Some(Suspect {
            process: holder.clone(),
            at_ns: self.now_ns,
            oldest_died_ns: oldest.died.at_ns,
            evidence: Evidence {
                pid: holder.key.tgid,
                comm: holder.comm.clone(),
                role: if traced.is_some() {
                    Role::Tracer
                } else {
                    Role::Parent
                },
                watched_ns: self.age(self.began_ns.max(holder.key.start_ns)),
                program: Program::default(),
                place: Place::default(),
                zombies,
                habits: self.habits(holder, tasks),
                facts: None,
                since: None,
            },
        })
    }

    /// How those that are not young came to their holder.
    fn old(&self, records: &[&Record], holder: &Process, tasks: &Tasks<'_>) -> Zombies {
        let reaping = self.parents.reaping(holder.key);
        let mut zombies = Zombies::default();
        let is_old = |record: &&Record| self.age(record.died.at_ns) >= YOUNG_NS;
        for record in records.iter().copied().filter(is_old) {
            let signal = tasks
                .get(record.process.key)
                .and_then(|task| task.exit_signal);
            let forker = record.forker.as_ref();
            let own = forker.is_some_and(|forker| forker.key.is_roughly(holder.key));
            // A living forker that is not the parent made it with CLONE_PARENT.
            let is_dead = |key| {
                tasks
                    .get(key)
                    .is_none_or(|task| task.state == TaskState::Zombie)
            };
            let gone = forker.is_some_and(|forker| self.snapshot.is_some() && is_dead(forker.key));
            zombies.old += 1;
            zombies.without_sigchld += u64::from(
                signal
                    .or(record.exit_signal)
                    .is_some_and(|signal| signal != SIGCHLD),
            );
            zombies.adopted += u64::from(gone && !own);
            zombies.passed_over += u64::from(own && reaping.passed_over(record));
            if zombies.forker.is_none() && !own {
                zombies.forker = forker.map(|forker| forker.comm.clone());
            }
            if let Some(init) = tasks.held_init(&record.pids, holder.key) {
                // One of them is named, with how many of the zombies are to blame.
                let named = zombies
                    .held_init
                    .get_or_insert((init.key.tgid, init.comm.clone()));
                zombies.in_its_namespace += u64::from(named.0 == init.key.tgid);
            }
        }
        zombies
    }

    fn habits(&self, holder: &Process, tasks: &Tasks<'_>) -> Habits {
        let reaping = self.parents.reaping(holder.key);
        let waits = tasks
            .get(holder.key)
            .filter(|_| self.counts_waits)
            .and_then(|task| task.waits);
        let asked = waits.and_then(|waits| waits.asked);
        let age = |at_ns| self.age(at_ns);
        Habits {
            waits: waits.map(|waits| waits.calls),
            last_wait_age_ns: waits.and_then(|waits| waits.last_ns).map(age),
            asked,
            last_take_age_ns: asked.and_then(|asked| asked.last_take_ns).map(age),
            last_any_age_ns: asked.and_then(|asked| asked.last_any_ns).map(age),
            last_peek_age_ns: asked.and_then(|asked| asked.last_peek_ns).map(age),
            peeks_elsewhere: 0,
            reaped: reaping.total,
            last_reap_age_ns: reaping.last_ns.map(age),
            last_reaper_tid: reaping.last_tid,
        }
    }
}

impl Suspect {
    /// All that is known now, with what happened since an earlier look.
    pub fn complete(&self, facts: Option<Facts>, now_ns: u64, earlier: Option<&Look>) -> Evidence {
        let mut evidence = Evidence {
            facts,
            ..self.evidence.clone()
        };
        evidence.since = earlier.and_then(|earlier| self.since(&evidence, now_ns, earlier));
        evidence
    }

    fn since(&self, now: &Evidence, now_ns: u64, earlier: &Look) -> Option<Since> {
        let span_ns = now_ns.saturating_sub(earlier.at_ns);
        if span_ns < LEAST_SPAN_NS {
            return None;
        }
        let then = &earlier.evidence;
        let cpu = |evidence: &Evidence| evidence.facts.as_ref().and_then(|facts| facts.cpu);
        let cpu = cpu(now).zip(cpu(then)).map(|(now, then)| Cpu {
            ran_ns: now.ran_ns.saturating_sub(then.ran_ns),
            queued_ns: now.queued_ns.saturating_sub(then.queued_ns),
            quota: now.quota.zip(then.quota).map(|(now, then)| Quota {
                throttled_ns: now.throttled_ns.saturating_sub(then.throttled_ns),
                throttled_periods: now.throttled_periods.saturating_sub(then.throttled_periods),
            }),
        });
        let was_runnable = |thread: &Thread| then.runnable().any(|then| then.tid == thread.tid);
        Some(Since {
            span_ns,
            waits: difference(now.habits.waits, then.habits.waits),
            reaped: now.habits.reaped.saturating_sub(then.habits.reaped),
            held_throughout: self.oldest_died_ns < earlier.at_ns,
            cpu,
            was_uninterruptible: then.all_threads(&['D']),
            was_runnable: now.runnable().any(was_runnable),
        })
    }
}

fn difference(now: Option<u64>, then: Option<u64>) -> Option<u64> {
    Some(now?.saturating_sub(then?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids(pids: &[(u32, u32)]) -> Vec<NamespacePid> {
        let pid = |&(namespace, nr): &(u32, u32)| NamespacePid { namespace, nr };
        pids.iter().map(pid).collect()
    }

    fn task(state: TaskState, numbers: &[(u32, u32)]) -> Task {
        let key = Key {
            tgid: numbers[0].1,
            start_ns: 5,
        };
        let process = Process {
            key,
            tid: key.tgid,
            comm: "app".to_owned(),
        };
        Task {
            pids: pids(numbers),
            ..Task::new(process, state)
        }
    }

    #[test]
    fn only_an_exiting_init_of_the_same_namespace_is_held_and_by_others_only() {
        let snapshot = Snapshot {
            begun_ns: 9,
            ended_ns: 10,
            exact_start: true,
            tasks: vec![
                task(TaskState::Exiting, &[(1, 500), (77, 1)]),
                task(TaskState::Exiting, &[(1, 700), (77, 2)]),
                task(TaskState::Alive, &[(1, 600), (88, 1)]),
            ],
        };
        let tasks = Tasks::of(Some(&snapshot));
        let held = |zombie: &[(u32, u32)], holder: u32| {
            let holder = Key {
                tgid: holder,
                start_ns: 5,
            };
            tasks
                .held_init(&pids(zombie), holder)
                .map(|init| init.key.tgid)
        };
        assert_eq!(held(&[(1, 501), (77, 3)], 10), Some(500));
        assert_eq!(held(&[(1, 501), (77, 3)], 500), None, "its own child");
        assert_eq!(held(&[(1, 601), (88, 3)], 10), None, "its init lives");
        assert_eq!(held(&[(1, 11)], 10), None, "no namespace of its own");
        assert_eq!(held(&[], 10), None, "not known");
        let key = snapshot.tasks[0].process.key;
        let unknown = Tasks::of(None);
        assert_eq!(unknown.held_init(&pids(&[(1, 501), (77, 3)]), key), None);
    }
}
