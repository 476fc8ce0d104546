//! How each process treats its dead children: which it holds, leaks and reaps. Pure: `now_ns` is an
//! argument, transitions and the open zombies are the input.
//!
//! The process responsible for a zombie is its tracer, otherwise its parent.

mod holder;
mod window;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::events::{Execed, Key, Process, Reaps, Snapshot};
use crate::lifecycle::{DiedBound, How, Lifecycle, Record, Transition};
use holder::{Held, Holder};
use window::{Count, Window};

/// Below this many entries a table is not worth shrinking.
const FEW: usize = 1_000;
/// Number of zombie times kept per parent.
const SAMPLES: usize = 256;

/// A process that has to reap or that reaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The process; `tid` is its tgid.
    pub process: Process,
    /// Zombies that it has to reap.
    pub zombies: u64,
    /// Age of the oldest, in nanoseconds.
    pub oldest_ns: Option<u64>,
    /// Whether that age is a lower bound, since a snapshot found the zombie.
    pub oldest_is_lower_bound: bool,
    /// New zombies per second over the last minute: deaths and adoptions minus reaps, at least 0.
    /// Zombies whose death was not seen do not count. A single zombie is no rate.
    pub leaked_per_second: f64,
    /// Children it reaped per second over the last minute; a single one is no rate.
    pub reaped_per_second: f64,
    /// Children it reaped since it is known, as its current program.
    pub reaped_total: u64,
    /// Median zombie time of its last reaps, in nanoseconds; only exact ones.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the same.
    pub p99_ns: Option<u64>,
}

/// What one process reaped since it is known, as its current program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaping {
    /// Number of children.
    pub total: u64,
    /// Time of its last reap.
    pub last_ns: Option<u64>,
    /// The thread that reaped it.
    pub last_tid: Option<u32>,
    /// Start time of the youngest reaped child, and when it was reaped.
    newest: Option<(u64, u64)>,
}

impl Reaping {
    /// Whether this zombie was dead while a younger child was reaped. A wait for any child takes
    /// them in order of birth
    /// ([`do_wait_thread`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_wait_thread)).
    pub fn passed_over(&self, zombie: &Record) -> bool {
        let start_ns = zombie.process.key.start_ns;
        self.newest
            .is_some_and(|(born_ns, reaped_ns)| born_ns > start_ns && reaped_ns > zombie.died.at_ns)
    }

    fn add(&mut self, record: &Record, at_ns: u64) {
        self.total += 1;
        if self.last_ns <= Some(at_ns) {
            self.last_ns = Some(at_ns);
            self.last_tid = record
                .reap
                .as_ref()
                .and_then(|reap| Some(reap.by.as_ref()?.tid));
        }
        self.newest = self.newest.max(Some((record.process.key.start_ns, at_ns)));
    }
}

/// State of one process.
#[derive(Debug)]
struct Parent {
    process: Process,
    window: Window,
    reaping: Reaping,
    zombie_ns: VecDeque<u64>,
    /// New zombies minus reaped ones, according to the transitions.
    held: i64,
    active_ns: u64,
    /// Since when it is known.
    since_ns: u64,
    /// When its current program began, if it had forked or waited before.
    exec_ns: u64,
    /// How many of the reaps are from [`Reaps::total`].
    ordinary: u64,
}

/// Statistics of all parents, at most `limit`.
#[derive(Debug)]
pub struct Parents {
    limit: usize,
    began_ns: u64,
    /// By tgid; a later start replaces an earlier one.
    of: BTreeMap<u32, Parent>,
    /// The process that each zombie is counted with, by tgid: there may be hundreds of thousands.
    holders: HashMap<u32, Holder>,
}

impl Parents {
    /// Empty at `now_ns`. When `limit` is reached, a quarter is dropped: first those without
    /// zombies that have been idle longest.
    pub fn new(limit: usize, now_ns: u64) -> Self {
        Self {
            limit: limit.max(1),
            began_ns: now_ns,
            of: BTreeMap::new(),
            holders: HashMap::new(),
        }
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "it is for the use of memory")]
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Applies one transition of `lifecycle`. The lifecycle may be ahead: each zombie is counted
    /// with the process responsible now.
    pub fn apply(&mut self, transition: &Transition, lifecycle: &Lifecycle, now_ns: u64) {
        match transition {
            Transition::Died(key) | Transition::Adopted { dead: key, .. } => {
                if let Some(record) = lifecycle.get(key) {
                    self.held_by(&record, now_ns);
                }
            }
            Transition::Finished(record) => self.finished(record, now_ns),
            Transition::Unlisted(holder) => self.came(holder.as_ref(), now_ns),
            Transition::UnlistedGone(holder) => self.went(holder.map(|it| it.key), now_ns),
            Transition::Confirmed(_)
            | Transition::UnlistedFound(_)
            | Transition::UnlistedVanished(_)
            | Transition::Corrected(_)
            | Transition::Unexplained => {}
        }
    }

    /// A process called exec: what it did before does not count for the new program. All earlier
    /// changes must have been applied.
    pub fn exec(&mut self, exec: &Execed) {
        if let Some(parent) = self.parent(&exec.process, exec.at_ns) {
            parent.process.comm.clone_from(&exec.process.comm);
            parent.exec(exec.at_ns);
        }
    }

    /// Updates the names of processes, and execs without an event. Every holder of a zombie is
    /// known from then on.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let holders = snapshot.tasks.holders();
        let holders: BTreeMap<u32, Process> =
            holders.map(|holder| (holder.key.tgid, holder)).collect();
        for holder in holders.values().take(self.limit) {
            self.parent(holder, snapshot.ended_ns);
        }
        for parent in self.of.values_mut() {
            let Some(task) = snapshot.tasks.get(parent.process.key) else {
                continue;
            };
            parent.process.comm = task.process.comm;
            if let Some(exec) = &task.exec {
                parent.learn_exec(exec.at_ns);
            }
        }
    }

    /// Takes in what a process has reaped without an event.
    pub fn reaped(&mut self, reaps: &Reaps, now_ns: u64) {
        let Some(parent) = self.parent(&reaps.by, now_ns) else {
            return;
        };
        parent.learn_exec(reaps.exec_ns);
        parent.process.comm = reaps.by.comm;
        let new = reaps.total.saturating_sub(parent.ordinary);
        parent.ordinary = reaps.total;
        parent.window.slot(now_ns).reaped += new;
        let reaping = &mut parent.reaping;
        reaping.total += new;
        if reaping.last_ns <= Some(reaps.last_ns) {
            reaping.last_ns = Some(reaps.last_ns);
            reaping.last_tid = Some(reaps.by.tid);
        }
        reaping.newest = reaping.newest.max(Some(reaps.newest));
        let known = reaps.zombie_ns.len().saturating_sub(new as usize);
        for zombie_ns in &reaps.zombie_ns[known..] {
            parent.add_zombie_time(*zombie_ns);
        }
    }

    /// All parents with zombies or with reaps in the last minute, worst first.
    pub fn rows(&self, now_ns: u64, zombies: &Lifecycle) -> Vec<Row> {
        let mut held: BTreeMap<Key, (&Process, Held)> = BTreeMap::new();
        let listed = zombies.siblings().filter_map(|group| {
            let died = (
                group.oldest.at_ns,
                group.oldest.bound == DiedBound::NotAfter,
            );
            Some((group.responsible()?, group.count(), Some(died)))
        });
        let unlisted = zombies
            .unlisted()
            .map(|(holder, count)| (holder, count, None));
        for (holder, zombies, oldest) in listed.chain(unlisted) {
            let known = self.get(holder.key);
            let key = known.map_or(holder.key, |it| it.process.key);
            let (_, held) = held.entry(key).or_insert((holder, Held::default()));
            held.zombies += zombies;
            held.oldest = [held.oldest, oldest].into_iter().flatten().min();
        }
        let reaping = self.of.values().filter(|parent| {
            parent.window.sum(now_ns, window::SECONDS).reaped > 0
                && !held.contains_key(&parent.process.key)
        });
        let mut rows: Vec<_> = reaping
            .map(|parent| self.row(&parent.process, &Held::default(), now_ns))
            .chain(
                held.values()
                    .map(|(process, held)| self.row(process, held, now_ns)),
            )
            .collect();
        rows.sort_by_key(|row| {
            let reaped = row.reaped_per_second.to_bits();
            (
                Reverse((row.zombies, row.oldest_ns, reaped)),
                row.process.key,
            )
        });
        rows
    }

    /// The row of a process among `rows`, or an empty one.
    pub fn row_of(&self, process: &Process, rows: &[Row], now_ns: u64) -> Row {
        let mut rows = rows.iter();
        rows.find(|row| row.process.key.is_roughly(process.key))
            .cloned()
            .unwrap_or_else(|| self.row(process, &Held::default(), now_ns))
    }

    /// What a process reaped; `None` if it is not known.
    pub fn reaping(&self, key: Key) -> Reaping {
        self.get(key)
            .map(|parent| parent.reaping)
            .unwrap_or_default()
    }

    /// How many zombies a process held in each second of the last minute, or since the agent began.
    pub fn course(&self, row: &Row, now_ns: u64) -> Vec<u64> {
        let seconds = now_ns.saturating_sub(self.began_ns) / 1_000_000_000;
        let seconds = seconds.min(window::SECONDS);
        let known = self.get(row.process.key);
        known.map_or_else(Vec::new, |it| {
            it.window.course(row.zombies, now_ns, seconds)
        })
    }

    /// Zombie times of the children that a process reaped recently; only exact ones.
    pub fn zombie_times(&self, key: Key) -> Vec<u64> {
        let parent = self.get(key);
        let times = parent.iter().flat_map(|parent| &parent.zombie_ns);
        times.copied().collect()
    }

    fn row(&self, process: &Process, held: &Held, now_ns: u64) -> Row {
        let known = self.get(process.key);
        // Shorter than a minute if the agent or the program started within it.
        let exec_ns = known.map_or(0, |parent| parent.exec_ns);
        let began_ns = self.began_ns.max(exec_ns).max(process.key.start_ns);
        let seconds =
            (now_ns.saturating_sub(began_ns) as f64 / 1e9).clamp(1.0, window::SECONDS as f64);
        let sum = |seconds| known.map_or(Count::default(), |it| it.window.sum(now_ns, seconds));
        let count = sum(window::SECONDS);
        // One burst is no leak: they must still grow in the later half of the time, and the current
        // second has just begun.
        let later = sum((seconds / 2.0).ceil() as u64 + 1);
        let goes_on = later.came > later.went;
        let leaked = count.came.saturating_sub(count.went);
        let per_second = |events: u64| match events {
            0 | 1 => 0.0,
            _ => events as f64 / seconds,
        };
        let mut samples: Vec<_> = known
            .iter()
            .flat_map(|parent| &parent.zombie_ns)
            .copied()
            .collect();
        samples.sort_unstable();
        Row {
            process: Process {
                tid: process.key.tgid,
                ..*known.map_or(process, |parent| &parent.process)
            },
            zombies: held.zombies,
            oldest_ns: held
                .oldest
                .map(|(died_ns, _)| now_ns.saturating_sub(died_ns)),
            oldest_is_lower_bound: held.oldest.is_some_and(|(_, bound)| bound),
            leaked_per_second: per_second(if goes_on { leaked } else { 0 }),
            reaped_per_second: per_second(count.reaped),
            reaped_total: self.reaping(process.key).total,
            p50_ns: quantile(&samples, 50),
            p99_ns: quantile(&samples, 99),
        }
    }

    fn finished(&mut self, record: &Record, now_ns: u64) {
        let Some(reap) = &record.reap else { return };
        self.moved(record.process.key, None, now_ns);
        if reap.how == How::Autoreap {
            return;
        }
        let reaper = reap.by.as_ref().or(record.responsible());
        let at_ns = reap.at_ns.unwrap_or(now_ns);
        let parent = reaper.and_then(|reaper| self.parent(reaper, now_ns));
        if let Some(parent) = parent.filter(|parent| at_ns >= parent.exec_ns) {
            // The parent in the record is as old as the death.
            if let Some(by) = &reap.by {
                parent.process.comm.clone_from(&by.comm);
            }
            parent.reaping.add(record, at_ns);
            parent.window.slot(now_ns).reaped += 1;
            if let Some(zombie_ns) = record.exact_zombie_ns() {
                parent.add_zombie_time(zombie_ns);
            }
        }
    }

    /// A process became responsible for a zombie. If a snapshot found the zombie, the time is
    /// unknown, so it does not affect any rate.
    fn held_by(&mut self, record: &Record, now_ns: u64) {
        let found = record.died.bound == DiedBound::NotAfter;
        let over = record
            .reap
            .as_ref()
            .is_some_and(|reap| reap.how == How::Autoreap);
        if !found && !over {
            self.moved(record.process.key, record.responsible(), now_ns);
        }
    }

    fn moved(&mut self, dead: Key, to: Option<&Process>, now_ns: u64) {
        let from = self.holders.remove(&dead.tgid);
        if let Some(process) = to {
            self.holders.insert(dead.tgid, Holder::of(process.key));
            if from.is_some_and(|from| from.is(process.key)) {
                return;
            }
        } else if self.holders.len() < self.holders.capacity() / 8 && self.holders.len() > FEW {
            self.holders.shrink_to_fit();
        }
        let from = from.and_then(|from| {
            let known = self.of.get(&from.tgid)?.process.key;
            from.is(known).then_some(known)
        });
        self.went(from, now_ns);
        self.came(to, now_ns);
    }

    /// A process became responsible for a zombie now.
    fn came(&mut self, to: Option<&Process>, now_ns: u64) {
        let to = to.and_then(|process| Some((self.parent(process, now_ns)?, &process.comm)));
        if let Some((parent, comm)) = to {
            parent.process.comm.clone_from(comm);
            parent.window.slot(now_ns).came += 1;
            parent.held += 1;
        }
    }

    /// A process is no longer responsible for a zombie.
    fn went(&mut self, from: Option<Key>, now_ns: u64) {
        if let Some(parent) = from.and_then(|key| self.get_mut(key)) {
            parent.window.slot(now_ns).went += 1;
            parent.held -= 1;
            parent.active_ns = now_ns;
        }
    }

    fn get(&self, key: Key) -> Option<&Parent> {
        self.of
            .get(&key.tgid)
            .filter(|parent| parent.process.key.is_roughly(key))
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Parent> {
        self.of
            .get_mut(&key.tgid)
            .filter(|parent| parent.process.key.is_roughly(key))
    }

    /// State of `process`, which is active now; `None` if its PID has been reused.
    fn parent(&mut self, process: &Process, now_ns: u64) -> Option<&mut Parent> {
        let key = process.key;
        if !self.of.contains_key(&key.tgid) && self.of.len() >= self.limit {
            self.forget_idle();
        }
        let parent = self
            .of
            .entry(key.tgid)
            .or_insert_with(|| Parent::new(process, now_ns));
        if !parent.process.key.is_roughly(key) {
            if parent.process.key.start_ns > key.start_ns {
                return None;
            }
            *parent = Parent::new(process, now_ns);
        }
        parent.active_ns = now_ns;
        Some(parent)
    }

    fn forget_idle(&mut self) {
        let mut idle: Vec<_> = self
            .of
            .iter()
            .map(|(tgid, it)| (it.held > 0, it.active_ns, *tgid))
            .collect();
        idle.sort_unstable();
        for (_, _, tgid) in idle.into_iter().take(self.limit.div_ceil(4)) {
            self.of.remove(&tgid);
        }
    }
}

impl Parent {
    fn new(process: &Process, since_ns: u64) -> Self {
        Self {
            since_ns,
            process: Process {
                tid: process.key.tgid,
                ..*process
            },
            window: Window::default(),
            reaping: Reaping::default(),
            zombie_ns: VecDeque::new(),
            held: 0,
            active_ns: 0,
            exec_ns: 0,
            ordinary: 0,
        }
    }

    fn add_zombie_time(&mut self, zombie_ns: u64) {
        if self.zombie_ns.len() == SAMPLES {
            self.zombie_ns.pop_front();
        }
        self.zombie_ns.push_back(zombie_ns);
    }

    /// The last exec that the kernel side knows of. If the process is known here only since then,
    /// all that is known was the same program.
    fn learn_exec(&mut self, at_ns: u64) {
        if at_ns < self.since_ns {
            self.exec_ns = self.exec_ns.max(at_ns);
        } else {
            self.exec(at_ns);
        }
    }

    /// It called exec at `at_ns`.
    fn exec(&mut self, at_ns: u64) {
        if at_ns <= self.exec_ns {
            return;
        }
        self.exec_ns = at_ns;
        self.window = Window::default();
        self.reaping = Reaping::default();
        self.ordinary = 0;
        self.zombie_ns.clear();
    }
}

/// The percentile of sorted samples (nearest rank).
pub(crate) fn quantile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod rate_tests;
#[cfg(test)]
mod reaps_tests;
#[cfg(test)]
mod tests;
