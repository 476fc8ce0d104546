//! The processes of a snapshot. There may be hundreds of thousands, and most of each is what others
//! have too: that is kept once.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{
    Asked, CgroupIds, Comm, Exec, ExitStatus, Ignored, Key, Kill, NamespacePid, Process, Task,
    TaskState, Waits,
};
use crate::packing::{Namespaces, Pids, Place, Pool};

/// The time of what has none.
const NONE: u64 = u64::MAX;

/// Group leaders in order of tgid. Each is put together when it is asked for.
#[derive(Clone, Default)]
pub struct Tasks {
    rows: Vec<Row>,
    /// Tracer and parent of each zombie, each pair once.
    holders: BTreeSet<(Place, Place)>,
    /// The tgids of those that are exiting or about to.
    leaving: BTreeSet<u32>,
    processes: Pool<Process>,
    comms: Pool<Comm>,
    cgroups: Pool<CgroupIds>,
    traits: Pool<Traits>,
    namespaces: Namespaces,
}

#[derive(Clone)]
struct Row {
    tgid: u32,
    tid: u32,
    start_ns: u64,
    begin_ns: u64,
    dead_by_ns: u64,
    comm: Place,
    parent: Place,
    tracer: Place,
    forker: Place,
    cgroups: Place,
    traits: Place,
    pids: Pids,
    group: u32,
    rare: Option<Box<Rare>>,
    state: TaskState,
    is_held: bool,
    status: Option<ExitStatus>,
    subreaper: Option<bool>,
    stop_signal: Option<u8>,
    waits: Waiting,
}

/// What siblings usually have in common.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Traits {
    exec_id: Option<u64>,
    parent_exec_id: Option<u64>,
    uid: u32,
    session: u32,
    exit_signal: Option<i32>,
}

/// What is known of its waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Unknown,
    Never,
    Rare,
}

/// What few tasks have.
#[derive(Clone, Default, PartialEq, Eq)]
struct Rare {
    kill: Option<Box<Kill>>,
    waits: Option<Box<Waits>>,
    exec: Option<Box<Exec>>,
    ignored: Option<Box<Ignored>>,
    pids: Vec<NamespacePid>,
}

/// The waits of a process that never waited.
fn never() -> Waits {
    Waits {
        asked: Some(Asked::default()),
        ..Waits::default()
    }
}

impl Tasks {
    /// Adds one.
    pub fn push(&mut self, task: Task) {
        let waits = match task.waits.as_deref() {
            None => Waiting::Unknown,
            Some(waits) if *waits == never() => Waiting::Never,
            Some(_) => Waiting::Rare,
        };
        let (pids, more_pids) = self.namespaces.put(task.pids);
        let traits = Traits {
            exec_id: task.exec_id,
            parent_exec_id: task.parent_exec_id,
            uid: task.uid,
            session: task.session,
            exit_signal: task.exit_signal,
        };
        let rare = Rare {
            kill: task.kill,
            waits: task.waits.filter(|_| waits == Waiting::Rare),
            exec: task.exec,
            ignored: task.ignored,
            pids: more_pids,
        };
        let Key { tgid, start_ns } = task.process.key;
        let row = Row {
            tgid,
            tid: task.process.tid,
            start_ns,
            begin_ns: task.begin_ns.unwrap_or(NONE),
            dead_by_ns: task.dead_by_ns.unwrap_or(NONE),
            comm: self.comms.put(Some(task.process.comm)),
            parent: self.processes.put(task.parent),
            tracer: self.processes.put(task.tracer),
            forker: self.processes.put(task.forker),
            cgroups: self.cgroups.put(Some(task.cgroups)),
            traits: self.traits.put(Some(traits)),
            pids,
            group: task.group,
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
            state: task.state,
            is_held: task.is_held,
            status: task.status,
            subreaper: task.subreaper,
            stop_signal: task.stop_signal,
            waits,
        };
        if row.state == TaskState::Zombie {
            self.holders.insert((row.tracer, row.parent));
        }
        if row.is_leaving() {
            self.leaving.insert(tgid);
        }
        // The kernel and /proc list them in this order.
        let place = self.rows.partition_point(|other| other.tgid <= tgid);
        self.rows.insert(place, row);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Task> {
        self.rows.iter().map(|row| self.task(row))
    }

    /// The zombies at these places in the order of tgids, of which some may not exist.
    pub fn zombies_at(&self, places: Range<usize>) -> impl Iterator<Item = Task> {
        let rows = self.rows.iter().skip(places.start).take(places.len());
        rows.filter(|row| row.state == TaskState::Zombie)
            .map(|row| self.task(row))
    }

    /// The tgids of all zombies, in order.
    pub fn zombies(&self) -> impl Iterator<Item = u32> {
        let zombies = self.rows.iter();
        let zombies = zombies.filter(|row| row.state == TaskState::Zombie);
        zombies.map(|row| row.tgid)
    }

    /// Those that must reap the zombies, each once.
    pub fn holders(&self) -> impl Iterator<Item = Process> {
        self.holders.iter().filter_map(|&(tracer, parent)| {
            let tracer = self.processes.get(tracer);
            tracer.or_else(|| self.processes.get(parent))
        })
    }

    /// Those that are exiting or about to: a fatal signal was sent to them, or their exit has begun.
    pub fn leaving(&self) -> impl Iterator<Item = Task> {
        let rows = self.leaving.iter().flat_map(|tgid| self.rows_of(*tgid));
        rows.filter(|row| row.is_leaving())
            .map(|row| self.task(row))
    }

    /// A process, as far as start times can tell.
    pub fn get(&self, key: Key) -> Option<Task> {
        let mut rows = self.rows_of(key.tgid).iter();
        let row = rows.find(|row| row.key().is_roughly(key))?;
        Some(self.task(row))
    }

    /// The process with this tgid.
    pub fn of_tgid(&self, tgid: u32) -> Option<Task> {
        self.rows_of(tgid).last().map(|row| self.task(row))
    }

    /// The key of the process with this tgid.
    pub fn key_of(&self, tgid: u32) -> Option<Key> {
        self.rows_of(tgid).last().map(Row::key)
    }

    fn rows_of(&self, tgid: u32) -> &[Row] {
        let first = self.rows.partition_point(|row| row.tgid < tgid);
        let rows = &self.rows[first..];
        let count = rows.iter().take_while(|row| row.tgid == tgid).count();
        &rows[..count]
    }

    fn task(&self, row: &Row) -> Task {
        let rare = row.rare.as_deref().cloned().unwrap_or_default();
        let known = |value: u64| (value != NONE).then_some(value);
        let traits = self.traits.get(row.traits).unwrap_or_default();
        Task {
            process: Process {
                key: row.key(),
                tid: row.tid,
                comm: self.comms.get(row.comm).unwrap_or_default(),
            },
            state: row.state,
            is_held: row.is_held,
            parent: self.processes.get(row.parent),
            tracer: self.processes.get(row.tracer),
            forker: self.processes.get(row.forker),
            kill: rare.kill,
            begin_ns: known(row.begin_ns),
            status: row.status,
            exit_signal: traits.exit_signal,
            cgroups: self.cgroups.get(row.cgroups).unwrap_or_default(),
            uid: traits.uid,
            waits: match row.waits {
                Waiting::Unknown => None,
                Waiting::Never => Some(Box::new(never())),
                Waiting::Rare => rare.waits,
            },
            dead_by_ns: known(row.dead_by_ns),
            pids: self.namespaces.get(row.pids, rare.pids),
            exec: rare.exec,
            exec_id: traits.exec_id,
            parent_exec_id: traits.parent_exec_id,
            group: row.group,
            session: traits.session,
            subreaper: row.subreaper,
            stop_signal: row.stop_signal,
            ignored: rare.ignored,
        }
    }
}

impl Row {
    fn key(&self) -> Key {
        Key {
            tgid: self.tgid,
            start_ns: self.start_ns,
        }
    }

    fn is_leaving(&self) -> bool {
        let rare = self.rare.as_deref();
        let is_sent = |rare: &Rare| rare.kill.is_some() || rare.ignored.is_some();
        self.state != TaskState::Zombie
            && (self.state == TaskState::Exiting
                || self.begin_ns != NONE
                || rare.is_some_and(is_sent))
    }
}

impl FromIterator<Task> for Tasks {
    fn from_iter<T: IntoIterator<Item = Task>>(tasks: T) -> Self {
        let mut all = Self::default();
        for task in tasks {
            all.push(task);
        }
        all
    }
}

impl From<Vec<Task>> for Tasks {
    fn from(tasks: Vec<Task>) -> Self {
        tasks.into_iter().collect()
    }
}

impl PartialEq for Tasks {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Tasks {}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{KillBy, Peeked};

    fn process(tgid: u32) -> Process {
        Process::new(tgid, u64::from(tgid), "app")
    }

    fn pid(nr: u32) -> NamespacePid {
        NamespacePid { namespace: 9, nr }
    }

    fn full(tgid: u32) -> Task {
        Task {
            parent: Some(process(1)),
            tracer: Some(process(2)),
            forker: Some(process(3)),
            kill: Some(Box::new(Kill {
                by: Some(KillBy::Oom),
                process: None,
                signal: 9,
                at_ns: 4,
            })),
            is_held: true,
            begin_ns: Some(5),
            status: Some(ExitStatus::Killed(9)),
            exit_signal: Some(17),
            cgroups: CgroupIds {
                v1: Some(6),
                v2: None,
            },
            uid: 7,
            waits: Some(Box::new(Waits {
                calls: 1,
                last_ns: Some(8),
                asked: Some(Asked {
                    any: 1,
                    peeked: Peeked::default(),
                    ..Asked::default()
                }),
            })),
            dead_by_ns: Some(9),
            pids: [1, 2, 3].map(pid).to_vec(),
            exec: Some(Box::new(Exec {
                at_ns: 10,
                former: "sh".into(),
            })),
            exec_id: Some(11),
            parent_exec_id: Some(12),
            group: 13,
            session: 14,
            subreaper: Some(true),
            stop_signal: Some(19),
            ignored: Some(Box::new(Ignored {
                signal: 15,
                at_ns: 16,
                by: None,
                by_choice: true,
            })),
            ..Task::new(process(tgid), TaskState::Zombie)
        }
    }

    #[test]
    fn what_was_added_comes_back_in_order_of_tgid() {
        let bare = Task::new(process(40), TaskState::Alive);
        let idle = Task {
            waits: Some(Box::new(never())),
            pids: vec![pid(41)],
            ..Task::new(process(41), TaskState::Exiting)
        };
        let tasks = Tasks::from(vec![full(42), bare.clone(), idle.clone()]);
        assert_eq!(
            tasks.iter().collect::<Vec<_>>(),
            [bare, idle.clone(), full(42)]
        );
        assert_eq!(tasks.get(process(42).key), Some(full(42)));
        assert_eq!(tasks.of_tgid(41), Some(idle.clone()));
        assert_eq!(tasks.of_tgid(43), None);
        assert_eq!(tasks.zombies_at(1..9).collect::<Vec<_>>(), [full(42)]);
        assert_eq!(tasks.holders().collect::<Vec<_>>(), [process(2)]);
        assert_eq!(tasks.leaving().collect::<Vec<_>>(), [idle]);
    }

    /// Hundreds of thousands must fit into little.
    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 96, "{}", size_of::<Row>());
    }
}
