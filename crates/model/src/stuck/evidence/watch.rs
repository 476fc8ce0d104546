//! The processes that have been exiting for too long or ignore a terminating signal, by snapshots and
//! threads. Pure.

use std::collections::HashMap;

use super::{
    Facts, Stuck,
    unheard::{self, Repeated, UnhandledSignal},
};
use crate::culprit::evidence::Place;
use crate::events::{CgroupIds, Key, Kill, Process, Snapshot, Task, TaskState, Thread};

/// SIGKILL ends a process whatever it does about other signals.
const SIGKILL: u8 = 9;

/// When each process was first seen exiting.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// When the snapshot began that first showed it exiting.
    first_seen: HashMap<Key, u64>,
    /// The terminating signals that living processes ignored.
    ignored: HashMap<Key, Repeated>,
}

/// A process that has been exiting for too long or ignores a terminating signal, without what must be
/// read from its files.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// The process.
    pub process: Process,
    /// Its cgroups.
    pub cgroups: CgroupIds,
    /// Its parent.
    pub parent: Option<Key>,
    /// The last fatal signal.
    pub kill: Option<Kill>,
    /// When it was killed or began to exit; `None` if that was not seen.
    pub since_ns: Option<u64>,
    /// It was exiting then.
    pub first_seen_ns: u64,
    /// Its threads, if the kernel lists them.
    pub threads: Vec<Thread>,
    /// The signal that it ignored: then it is not exiting.
    pub unheard: Option<UnhandledSignal>,
}

/// Since when it has been stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// From this moment on.
    pub at_ns: u64,
    /// Or from an earlier one.
    pub is_upper_bound: bool,
}

impl Watch {
    /// Adds the processes that are exiting now, and drops those that no longer are.
    pub fn note(&mut self, snapshot: &Snapshot) {
        let exiting = snapshot.tasks.leaving().filter(is_exiting);
        let now = exiting.map(|task| {
            let key = task.process.key;
            let first_ns = self.first_seen.get(&key).copied();
            (key, first_ns.unwrap_or(snapshot.begun_ns))
        });
        self.first_seen = now.collect();
        let mut ignored = HashMap::new();
        for task in snapshot.tasks.leaving().filter(|task| !is_exiting(task)) {
            if let Some((last, _)) = unheard::last(&task).filter(|_| lives(&task)) {
                let former = self.ignored.get(&task.process.key).copied();
                ignored.insert(task.process.key, Repeated::of(former, &last));
            }
        }
        self.ignored = ignored;
    }

    /// The processes that have been exiting for at least `threshold_ns`, the longest first, then those
    /// that ignored a signal that long ago; at most `limit`. `snapshot` was noted before.
    pub fn suspects(
        &self,
        snapshot: &Snapshot,
        threads: &[Thread],
        threshold_ns: u64,
        limit: usize,
    ) -> Vec<Suspect> {
        let due_ns = snapshot.begun_ns.saturating_sub(threshold_ns);
        let exiting = snapshot.tasks.leaving().filter(is_exiting);
        let suspect = exiting.filter_map(|task| {
            let key = task.process.key;
            let own = threads.iter().filter(|thread| thread.of.is_roughly(key));
            let suspect = Suspect {
                process: task.process,
                cgroups: task.cgroups,
                parent: task.parent.as_ref().map(|parent| parent.key),
                kill: task.kill.as_deref().copied(),
                since_ns: since(&task),
                first_seen_ns: *self.first_seen.get(&key)?,
                threads: own.cloned().collect(),
                unheard: None,
            };
            suspect.is_due(due_ns).then_some(suspect)
        });
        let mut found: Vec<Suspect> = suspect.collect();
        found.sort_by_key(|suspect| suspect.since_ns.unwrap_or(suspect.first_seen_ns));
        found.extend(self.unheard(snapshot, due_ns));
        found.truncate(limit);
        found
    }

    /// Living processes that ignored a terminating signal, if a process may wait for their exit.
    fn unheard(&self, snapshot: &Snapshot, due_ns: u64) -> impl Iterator<Item = Suspect> {
        let suspect = move |task: Task| {
            let (last, may_be_pending) = unheard::last(&task)?;
            let repeated = self.ignored.get(&task.process.key)?;
            let sender = last.by.as_ref()?;
            let sender_lives = snapshot.tasks.get(sender.key);
            let sender_lives = sender_lives.is_some_and(|sender| lives(&sender));
            let itself = sender.key == task.process.key;
            let unheard = UnhandledSignal {
                last,
                may_be_pending,
                first_ns: repeated.first_ns,
                times: repeated.times,
                sender_lives,
                in_namespace: task.pids.len() > 1,
            };
            let due = unheard.first_ns <= due_ns;
            let is_relevant = unheard
                .hints(snapshot.begun_ns, None)
                .is_some_and(|hints| hints.is_relevant());
            (due && is_relevant && !itself).then(|| Suspect {
                process: task.process,
                cgroups: task.cgroups,
                parent: task.parent.as_ref().map(|parent| parent.key),
                kill: None,
                since_ns: Some(unheard.first_ns),
                first_seen_ns: unheard.first_ns,
                threads: Vec::new(),
                unheard: Some(unheard),
            })
        };
        snapshot.tasks.leaving().filter_map(suspect)
    }
}

/// Whether a process has been exiting for at least `threshold_ns`, or since an unknown moment: then its
/// threads are needed.
pub fn may_be_stuck(snapshot: &Snapshot, threshold_ns: u64) -> bool {
    let due_ns = snapshot.begun_ns.saturating_sub(threshold_ns);
    let mut exiting = snapshot.tasks.leaving().filter(is_exiting);
    exiting.any(|task| since(&task).is_none_or(|at_ns| at_ns <= due_ns))
}

fn lives(task: &Task) -> bool {
    matches!(task.state, TaskState::Alive | TaskState::LeaderExited)
}

fn is_exiting(task: &Task) -> bool {
    match task.state {
        TaskState::Exiting => true,
        // The kernel side saw the whole group begin to exit, which its flags need not show.
        TaskState::Alive | TaskState::LeaderExited => task.begin_ns.is_some(),
        TaskState::Zombie => false,
    }
}

/// The start of the exit is better than the time of a fatal signal that may have been blocked.
fn since(task: &Task) -> Option<u64> {
    let killed_ns = task.kill.as_ref().map(|kill| kill.at_ns);
    let surely = task
        .kill
        .as_ref()
        .is_some_and(|kill| kill.signal == SIGKILL);
    let begin_ns = task.begin_ns;
    if surely {
        return begin_ns.into_iter().chain(killed_ns).min();
    }
    begin_ns.or(killed_ns)
}

impl Suspect {
    /// For a process that was exiting before the agent started, it is enough that all its threads have
    /// slept since then: it made no progress while they slept.
    fn is_due(&self, due_ns: u64) -> bool {
        let sleeps = |thread: &Thread| thread.slept_by_ns.is_some_and(|at_ns| at_ns <= due_ns);
        let asleep = !self.threads.is_empty() && self.threads.iter().all(sleeps);
        match self.since_ns {
            Some(at_ns) => at_ns <= due_ns,
            None => self.first_seen_ns <= due_ns || asleep,
        }
    }

    /// Since when, once the stacks are read: a thread that sleeps inside its exit began to exit
    /// before it fell asleep.
    pub fn since(&self, facts: Option<&Facts>) -> Since {
        if let Some(at_ns) = self.since_ns {
            return Since {
                at_ns,
                is_upper_bound: false,
            };
        }
        let exits = |tid: u32| {
            let mut threads = facts.iter().flat_map(|facts| &facts.threads);
            threads.any(|thread| thread.tid == tid && thread.is_in(&["do_exit"]))
        };
        let asleep = self.threads.iter().filter(|thread| exits(thread.tid));
        let asleep_ns = asleep.filter_map(|thread| thread.slept_by_ns).min();
        Since {
            at_ns: asleep_ns.map_or(self.first_seen_ns, |at_ns| at_ns.min(self.first_seen_ns)),
            is_upper_bound: true,
        }
    }

    /// All that is known now; `signal` names a signal by its number.
    pub fn complete(
        &self,
        facts: Option<Facts>,
        place: Place,
        now_ns: u64,
        signal: fn(u8) -> String,
    ) -> Stuck {
        let since = self.since(facts.as_ref());
        let unheard = self.unheard.as_ref();
        let ignored =
            unheard.and_then(|unheard| unheard.ignored(now_ns, facts.as_ref(), place, signal));
        Stuck {
            pid: self.process.key.tgid,
            comm: self.process.comm.to_string(),
            stuck_ns: now_ns.saturating_sub(since.at_ns),
            is_lower_bound: since.is_upper_bound,
            kill: self
                .kill
                .as_ref()
                .map(|kill| (signal(kill.signal), kill.sender())),
            ignored,
            facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ignored::Fate;
    use super::*;
    use crate::events::KillBy;

    const SECOND: u64 = 1_000_000_000;

    fn process(tgid: u32) -> Process {
        Process::new(tgid, 5, "app")
    }

    fn task(tgid: u32, state: TaskState) -> Task {
        Task::new(process(tgid), state)
    }

    fn at(seconds: u64, tasks: Vec<Task>) -> Snapshot {
        Snapshot {
            begun_ns: seconds * SECOND,
            ended_ns: seconds * SECOND + 1,
            exact_start: true,
            tasks: tasks.into(),
        }
    }

    fn killed(signal: u8, seconds: u64) -> Kill {
        Kill {
            by: Some(KillBy::Process),
            process: Some(process(1)),
            signal,
            at_ns: seconds * SECOND,
        }
    }

    fn suspects(watch: &mut Watch, snapshot: &Snapshot, threads: &[Thread]) -> Vec<Suspect> {
        watch.note(snapshot);
        watch.suspects(snapshot, threads, 5 * SECOND, 9)
    }

    #[test]
    fn a_killed_process_is_a_suspect_from_the_threshold_on() {
        let mut watch = Watch::default();
        let dying = || Task {
            kill: Some(Box::new(killed(SIGKILL, 100))),
            ..task(7, TaskState::Exiting)
        };
        let (early, late) = (at(104, vec![dying()]), at(106, vec![dying()]));
        assert!(!may_be_stuck(&early, 5 * SECOND));
        assert!(suspects(&mut watch, &early, &[]).is_empty());
        assert!(may_be_stuck(&late, 5 * SECOND));
        let found = suspects(&mut watch, &late, &[]);
        let since = found[0].since(None);
        assert_eq!((since.at_ns, since.is_upper_bound), (100 * SECOND, false));
    }

    #[test]
    fn a_process_that_blocks_the_signal_is_not_a_suspect() {
        let mut watch = Watch::default();
        let alive = Task {
            kill: Some(Box::new(killed(15, 1))),
            ..task(7, TaskState::Alive)
        };
        let living = at(100, vec![alive]);
        assert!(!may_be_stuck(&living, 0));
        assert!(suspects(&mut watch, &living, &[]).is_empty());
        let blocked_long_ago = Task {
            kill: Some(Box::new(killed(15, 1))),
            begin_ns: Some(90 * SECOND),
            ..task(7, TaskState::Exiting)
        };
        let found = suspects(&mut watch, &at(100, vec![blocked_long_ago]), &[]);
        assert_eq!(found[0].since_ns, Some(90 * SECOND));
    }

    #[test]
    fn an_exit_from_before_the_agent_has_a_bound() {
        let mut watch = Watch::default();
        let dying = || task(7, TaskState::Exiting);
        assert!(suspects(&mut watch, &at(100, vec![dying()]), &[]).is_empty());
        let found = suspects(&mut watch, &at(106, vec![dying()]), &[]);
        let since = found[0].since(None);
        assert_eq!((since.at_ns, since.is_upper_bound), (100 * SECOND, true));
        // A process that was missing in between is another one.
        watch.note(&at(107, vec![]));
        assert!(suspects(&mut watch, &at(108, vec![dying()]), &[]).is_empty());
    }

    #[test]
    fn a_process_asleep_in_its_exit_since_before_the_agent_is_listed_at_once() {
        let mut watch = Watch::default();
        let snapshot = at(100, vec![task(7, TaskState::Exiting)]);
        assert!(may_be_stuck(&snapshot, 5 * SECOND));
        let asleep = |tid, since: u64| Thread {
            of: process(7).key,
            tid,
            slept_by_ns: Some(since * SECOND),
            stack: Vec::new(),
        };
        let threads = [asleep(7, 40), asleep(8, 30)];
        let found = suspects(&mut watch, &snapshot, &threads);
        let mut facts = Facts::default();
        let in_exit = super::super::Thread {
            tid: 7,
            state: 'D',
            frozen: false,
            kill_pending: false,
            exiting: true,
            wchan: Some("do_exit".to_owned()),
            stack: Vec::new(),
        };
        facts.threads.push(in_exit);
        // The other thread sleeps longer, but not in its exit.
        assert_eq!(found[0].since(Some(&facts)).at_ns, 40 * SECOND);
        assert_eq!(found[0].since(None).at_ns, 100 * SECOND);
        let awake = [asleep(7, 40), asleep(8, 98)];
        assert!(suspects(&mut watch, &snapshot, &awake).is_empty());
    }

    #[test]
    fn a_group_exit_seen_by_probes_counts_as_exiting() {
        let mut watch = Watch::default();
        let began = Task {
            begin_ns: Some(10 * SECOND),
            ..task(7, TaskState::LeaderExited)
        };
        let found = suspects(
            &mut watch,
            &at(100, vec![began, task(8, TaskState::LeaderExited)]),
            &[],
        );
        assert_eq!(found.len(), 1);
        let dead = Task {
            begin_ns: Some(10 * SECOND),
            ..task(7, TaskState::Zombie)
        };
        assert!(suspects(&mut watch, &at(100, vec![dead]), &[]).is_empty());
    }

    fn ignoring(seconds: u64, sender: &str) -> Task {
        let ignored = crate::events::Ignored {
            signal: 15,
            at_ns: seconds * SECOND,
            by: Some(Process {
                comm: sender.into(),
                ..process(3)
            }),
            by_choice: false,
        };
        Task {
            ignored: Some(Box::new(ignored)),
            ..task(7, TaskState::Alive)
        }
    }

    #[test]
    fn a_process_that_ignores_a_runtime_is_a_suspect_but_not_exiting() {
        let mut watch = Watch::default();
        let found = suspects(&mut watch, &at(110, vec![ignoring(100, "runc")]), &[]);
        let unheard = found[0].unheard.as_ref().expect("it ignored one");
        assert_eq!((unheard.times, unheard.sender_lives), (1, false));
        assert_eq!(found[0].since_ns, Some(100 * SECOND));
        let early = suspects(&mut watch, &at(102, vec![ignoring(100, "runc")]), &[]);
        assert!(early.is_empty());
        // A shell that sent it once and has exited does not wait.
        let found = suspects(&mut watch, &at(110, vec![ignoring(100, "bash")]), &[]);
        assert!(found.is_empty());
        let shell = Task::new(process(3), TaskState::Alive);
        let found = suspects(
            &mut watch,
            &at(110, vec![ignoring(100, "bash"), shell]),
            &[],
        );
        assert!(found[0].unheard.as_ref().is_some_and(|it| it.sender_lives));
    }

    #[test]
    fn a_signal_from_a_living_sender_may_be_blocked() {
        let mut watch = Watch::default();
        let target = Task {
            kill: Some(Box::new(Kill {
                process: Some(process(3)),
                ..killed(15, 100)
            })),
            ..task(7, TaskState::Alive)
        };
        let sender = Task::new(process(3), TaskState::Alive);
        let found = suspects(&mut watch, &at(110, vec![target, sender]), &[]);
        assert!(
            found[0]
                .unheard
                .as_ref()
                .is_some_and(|it| it.may_be_pending)
        );
        let stuck = |facts: &Facts| {
            let facts = Some(facts.clone());
            found[0].complete(facts, Place::Host, 110 * SECOND, |it| it.to_string())
        };
        let mut facts = Facts {
            sender_waits: Some(true),
            ..Facts::default()
        };
        assert_eq!(stuck(&facts).ignored, None, "it took it");
        facts.pending = Some(Fate::Blocked);
        let ignored = stuck(&facts).ignored.expect("it is pending");
        assert_eq!((ignored.fate, ignored.sender.0), (Fate::Blocked, 3));
    }

    #[test]
    fn the_same_signal_again_is_counted_from_the_first_one_on() {
        let mut watch = Watch::default();
        watch.note(&at(101, vec![ignoring(100, "kill")]));
        let found = suspects(&mut watch, &at(110, vec![ignoring(107, "kill")]), &[]);
        let unheard = found[0].unheard.as_ref().expect("it ignored both");
        assert_eq!((unheard.times, unheard.first_ns), (2, 100 * SECOND));
        // A process that exits at last no longer ignores it.
        let dying = Task {
            begin_ns: Some(111 * SECOND),
            ..ignoring(107, "kill")
        };
        let found = suspects(&mut watch, &at(120, vec![dying]), &[]);
        assert!(found[0].unheard.is_none());
    }
}
