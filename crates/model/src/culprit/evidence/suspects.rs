//! The processes that hold old zombies, and what the agent knows about them. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::origin::{Holder, Origin};
use super::peeks::{self, Seen};
use super::{Cpu, Evidence, Facts, Habits, Place, Program, Quota, Role, Since, Thread, Zombies};
use crate::events::{Comm, ExitStatus, Key, NamespacePid, Process, Snapshot, Task, TaskState};
use crate::lifecycle::{DiedBound, Lifecycle, Record, Siblings};
use crate::parents::Parents;

/// Zombies younger than this are ignored: parents that poll once a second reap in time.
pub const YOUNG_NS: u64 = 2_000_000_000;
/// An earlier look is compared only if it is at least this old.
const LEAST_SPAN_NS: u64 = 1_000_000_000;
/// The most zombies of one suspect that are listed by PID.
const LISTED: usize = 32;
/// The most zombies that a round looks at one by one, over all suspects: the oldest of each.
const EXAMINED: usize = 1024;
/// SIGCHLD has this number on every architecture that is built for here.
const SIGCHLD: i32 = 17;
const SIGKILL: u8 = 9;

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
    /// The signal that stopped it, if it is stopped.
    pub stop_signal: Option<u8>,
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
    /// The zombies and finished deaths.
    pub lifecycle: &'a Lifecycle,
    /// How each process treats its dead children.
    pub parents: &'a Parents,
    /// The processes that are alive, their wait calls, and the exit signals of the zombies.
    pub snapshot: Option<&'a Snapshot>,
    /// Whether waits are counted at all.
    pub counts_waits: bool,
}

/// The most zombies first, at most `limit`.
pub fn suspects(known: &Known<'_>, limit: usize) -> Vec<Suspect> {
    let mut held = BTreeMap::<u32, Held<'_>>::new();
    let old_by_ns = known.now_ns.saturating_sub(YOUNG_NS);
    for group in known.lifecycle.siblings() {
        if let Some(holder) = group.responsible() {
            held.entry(holder.key.tgid)
                .or_default()
                .add(group, old_by_ns);
        }
    }
    let mut held: Vec<_> = held.into_values().filter(|held| held.old > 0).collect();
    held.sort_by_key(|held| Reverse(held.old));
    held.truncate(limit);
    let examined = EXAMINED / held.len().max(1);
    let tasks = Shown::of(known.snapshot);
    let suspects = held.iter().filter_map(|held| {
        let records = held.oldest(known.lifecycle, examined);
        let shown = |record: Record| Examined {
            task: tasks.get(record.process.key),
            record,
        };
        let examined: Vec<_> = records.into_iter().map(shown).collect();
        known.suspect(held, &examined, &tasks)
    });
    suspects.collect()
}

/// The zombies of one process.
#[derive(Default)]
struct Held<'a> {
    count: u64,
    old: u64,
    groups: Vec<Siblings<'a>>,
}

impl<'a> Held<'a> {
    fn add(&mut self, group: Siblings<'a>, old_by_ns: u64) {
        self.count += group.count();
        self.old += group.dead_by(old_by_ns);
        self.groups.push(group);
    }

    /// The oldest of them.
    fn oldest(&self, lifecycle: &Lifecycle, limit: usize) -> Vec<Record> {
        let deaths = self
            .groups
            .iter()
            .map(|group| group.oldest_first().take(limit));
        let mut deaths: Vec<_> = deaths.flatten().collect();
        deaths.sort_unstable_by_key(|&(died_ns, tgid)| (died_ns, tgid));
        deaths.truncate(limit);
        // By PID, as their parent names them.
        deaths.sort_unstable_by_key(|&(_, tgid)| tgid);
        let record = |(_, tgid)| lifecycle.zombie_of(tgid);
        deaths.into_iter().filter_map(record).collect()
    }
}

/// A zombie, and what the snapshot shows of it.
struct Examined {
    record: Record,
    task: Option<Task>,
}

/// Those of the snapshot.
struct Shown<'a> {
    snapshot: Option<&'a Snapshot>,
    /// The inits on their way out, by their PID namespaces.
    exiting_inits: HashMap<u32, Process>,
}

impl<'a> Shown<'a> {
    fn of(snapshot: Option<&'a Snapshot>) -> Self {
        let leaving = snapshot.iter().flat_map(|it| it.tasks.leaving());
        let exiting = leaving.filter(|task| task.state == TaskState::Exiting);
        let init = |task: Task| {
            let own = task.pids.last().filter(|own| own.nr == 1)?;
            Some((own.namespace, task.process))
        };
        Self {
            snapshot,
            exiting_inits: exiting.filter_map(init).collect(),
        }
    }

    fn exact_start(&self) -> bool {
        self.snapshot.is_none_or(|snapshot| snapshot.exact_start)
    }

    /// A process by its name of now.
    fn named(&self, process: &Process) -> Process {
        let now = self.get(process.key).map(|task| task.process.comm);
        Process {
            comm: now.unwrap_or(process.comm),
            ..*process
        }
    }

    fn get(&self, key: Key) -> Option<Task> {
        self.snapshot?.tasks.get(key)
    }

    /// The init that cannot exit before this zombie is reaped by its holder, another process.
    fn held_init(&self, zombie: &[NamespacePid], holder: Key) -> Option<&Process> {
        let init = self.exiting_inits.get(&zombie.last()?.namespace)?;
        (!init.key.is_roughly(holder)).then_some(init)
    }
}

impl Known<'_> {
    fn age(&self, at_ns: u64) -> u64 {
        self.now_ns.saturating_sub(at_ns)
    }

    /// The holder of these zombies, unless all of them are young.
    fn suspect(
        &self,
        held: &Held<'_>,
        examined: &[Examined],
        tasks: &Shown<'_>,
    ) -> Option<Suspect> {
        let records = || examined.iter().map(|it| &it.record);
        let oldest = records().min_by_key(|record| record.died.at_ns)?;
        if self.age(oldest.died.at_ns) < YOUNG_NS {
            return None;
        }
        let holder = &tasks.named(oldest.responsible()?);
        let task = tasks.get(holder.key);
        let exec = task.as_ref().and_then(|task| task.exec.as_ref());
        let foreign = |record: &&Record| match (&record.tracer, &record.parent) {
            (Some(tracer), Some(parent)) => !tracer.key.is_roughly(parent.key),
            (tracer, _) => tracer.is_some(),
        };
        let traced = records().find(foreign);
        let real_parent = traced.and_then(|record| record.parent.as_ref());
        let real_parent = real_parent.map(|parent| tasks.named(parent));
        let zombies = Zombies {
            count: held.count,
            is_sample: held.old > examined.len() as u64,
            oldest_age_ns: self.age(oldest.died.at_ns),
            age_is_lower_bound: oldest.died.bound == DiedBound::NotAfter,
            real_parent: real_parent.map(|parent| (parent.key.tgid, parent.comm.to_string())),
            ..self.old(examined, holder, tasks)
        };
        Some(Suspect {
            process: *holder,
            at_ns: self.now_ns,
            oldest_died_ns: oldest.died.at_ns,
            evidence: Evidence {
                pid: holder.key.tgid,
                comm: holder.comm.to_string(),
                role: if traced.is_some() || records().all(|it| it.tracer.is_some()) {
                    Role::Tracer
                } else {
                    Role::Parent
                },
                watched_ns: self.age(
                    exec.map_or(0, |exec| exec.at_ns)
                        .max(self.began_ns)
                        .max(holder.key.start_ns),
                ),
                program: Program {
                    age_ns: exec.map(|exec| self.age(exec.at_ns)),
                    former: exec.and_then(|exec| known_name(exec.former)),
                    execs: task.as_ref().and_then(execs),
                },
                place: Place::default(),
                zombies,
                habits: self.habits(holder, examined, tasks),
                facts: None,
                since: None,
            },
            stop_signal: task.as_ref().and_then(|task| task.stop_signal),
        })
    }

    /// Whether SIGKILL is known to have ended it.
    fn was_killed(&self, key: Key) -> bool {
        let record = self.lifecycle.get(&key);
        record.and_then(|record| record.status) == Some(ExitStatus::Killed(SIGKILL))
    }

    fn are_old<'a>(&self, examined: &'a [Examined]) -> impl Iterator<Item = &'a Examined> {
        let is_old = |it: &&Examined| self.age(it.record.died.at_ns) >= YOUNG_NS;
        examined.iter().filter(is_old)
    }

    /// Counts of the old zombies by how their holder became their parent.
    fn old(&self, examined: &[Examined], holder: &Process, tasks: &Shown<'_>) -> Zombies {
        let reaping = self.parents.reaping(holder.key);
        let task = tasks.get(holder.key);
        let by = Holder::new(holder, task.as_ref(), tasks.exact_start());
        let has_adopted = self.are_old(examined).any(|Examined { record, task }| {
            record.forker.is_none() && by.is_surely_adopted(record, task.as_ref())
        });
        // A living forker that is not the parent made it with CLONE_PARENT.
        let lives = |key| {
            let task = tasks.get(key);
            self.snapshot.is_none() || task.is_some_and(|task| task.state != TaskState::Zombie)
        };
        let mut zombies = Zombies::default();
        for Examined {
            record,
            task: shown,
        } in self.are_old(examined)
        {
            zombies.old += 1;
            zombies.without_sigchld += u64::from(is_without_sigchld(record, shown.as_ref()));
            let forker = record.forker.as_ref();
            let own = forker.is_some_and(|forker| forker.key.is_roughly(holder.key));
            // Its tracer need not have forked it.
            let is_parent = record.parent.as_ref();
            let is_parent = is_parent.is_none_or(|parent| parent.key.is_roughly(holder.key));
            match by.origin(record, shown.as_ref(), lives, has_adopted) {
                _ if !is_parent && forker.is_none() => {}
                Origin::Own | Origin::ForHolder | Origin::Unknown => {}
                Origin::BeforeExec => {
                    zombies.forked_before_exec += 1;
                    let exec = task.as_ref().and_then(|task| task.exec.as_ref());
                    let name = forker.map(|forker| forker.comm.to_string());
                    let name = name.or_else(|| known_name(exec?.former));
                    zombies.forked_as = zombies.forked_as.take().or(name);
                }
                Origin::Adopted => {
                    zombies.adopted += 1;
                    zombies.forker_was_killed |=
                        forker.is_some_and(|forker| self.was_killed(forker.key));
                }
            }
            zombies.passed_over += u64::from(own && reaping.passed_over(record));
            if zombies.forker.is_none() && !own {
                zombies.forker = forker.map(|forker| forker.comm.to_string());
            }
            if let Some(init) = tasks.held_init(&record.pids, holder.key) {
                // Only one init is named, with the number of zombies in its namespace.
                let named = zombies
                    .held_init
                    .get_or_insert((init.key.tgid, init.comm.to_string()));
                zombies.in_its_namespace += u64::from(named.0 == init.key.tgid);
            }
            if zombies.pids.len() < LISTED {
                zombies.pids.push(record.process.key.tgid);
            }
        }
        zombies
    }

    fn habits(&self, holder: &Process, examined: &[Examined], tasks: &Shown<'_>) -> Habits {
        let reaping = self.parents.reaping(holder.key);
        let task = tasks.get(holder.key).filter(|_| self.counts_waits);
        let task = task.as_ref();
        let waits = task.and_then(|task| task.waits.as_deref());
        let asked = waits.and_then(|waits| waits.asked);
        let peeked = task.zip(asked).map(|(task, asked)| {
            let seen = self
                .are_old(examined)
                .map(|Examined { record, task }| Seen {
                    pids: &record.pids,
                    task: task.as_ref(),
                    without_sigchld: is_without_sigchld(record, task.as_ref()),
                });
            let seen: Vec<_> = seen.collect();
            let leader_of = |group| tasks.snapshot?.tasks.of_tgid(group);
            peeks::peeks(&asked, task, &seen, leader_of)
        });
        let (last_peek_ns, peeks_elsewhere) = peeked.unwrap_or_default();
        let age = |at_ns| self.age(at_ns);
        Habits {
            waits: waits.map(|waits| waits.calls),
            last_wait_age_ns: waits.and_then(|waits| waits.last_ns).map(age),
            asked,
            last_take_age_ns: asked.and_then(|asked| asked.last_take_ns).map(age),
            last_any_age_ns: asked.and_then(|asked| asked.last_any_ns).map(age),
            last_peek_age_ns: last_peek_ns.map(age),
            peeks_elsewhere,
            reaped: reaping.total,
            last_reap_age_ns: reaping.last_ns.map(age),
            last_reaper_tid: reaping.last_tid,
        }
    }
}

impl Suspect {
    /// The evidence of now, with what happened since an earlier look.
    pub fn complete(&self, facts: Option<Facts>, now_ns: u64, earlier: Option<&Look>) -> Evidence {
        let facts = facts.map(|facts| Facts {
            stop_signal: self.stop_signal,
            ..facts
        });
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

fn is_without_sigchld(record: &Record, shown: Option<&Task>) -> bool {
    let signal = shown.and_then(|task| task.exit_signal);
    let signal = signal.or(record.exit_signal);
    signal.is_some_and(|signal| signal != SIGCHLD)
}

/// The execs that it made itself. One that was made with `CLONE_PARENT` has those of its forker in
/// the count too.
fn execs(task: &Task) -> Option<u64> {
    task.exec_id?.checked_sub(task.parent_exec_id?)
}

fn known_name(name: Comm) -> Option<String> {
    (!name.is_empty()).then(|| name.to_string())
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
        let process = Process::new(numbers[0].1, 5, "app");
        Task {
            pids: pids(numbers),
            ..Task::new(process, state)
        }
    }

    #[test]
    fn only_an_exiting_init_of_the_same_namespace_is_held_and_only_by_other_processes() {
        let snapshot = Snapshot {
            begun_ns: 9,
            ended_ns: 10,
            exact_start: true,
            tasks: vec![
                task(TaskState::Exiting, &[(1, 500), (77, 1)]),
                task(TaskState::Exiting, &[(1, 700), (77, 2)]),
                task(TaskState::Alive, &[(1, 600), (88, 1)]),
            ]
            .into(),
        };
        let tasks = Shown::of(Some(&snapshot));
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
        let key = Key {
            tgid: 500,
            start_ns: 5,
        };
        let unknown = Shown::of(None);
        assert_eq!(unknown.held_init(&pids(&[(1, 501), (77, 3)]), key), None);
    }
}
