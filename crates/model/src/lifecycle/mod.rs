//! The life of each death, from its first sign to its reap: a pure state machine. Events and
//! snapshots go in, [`Transition`]s come out. It has no clock and does no I/O; the same input gives
//! the same transitions.
//!
//! Any event may be lost, repeated or late. A snapshot settles what events leave open
//! ([`Lifecycle::reconcile`]); each repair is a counted [`Correction`]. Nothing is guessed: unknown
//! values are `None` or marked as bounds.

mod death;
mod entry;
mod packed;
mod pending;
mod reap;
mod recent;
mod reconcile;
mod record;
mod siblings;
mod table;
mod unlisted;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod traces;

pub use reconcile::Comparison;
pub use record::*;
pub use siblings::Siblings;

use crate::events::{Event, Key, NamespacePid, Process};
use entry::{Entry, Identity};
use recent::{Closed, Recent};
use table::Table;
use unlisted::Unlisted;

/// Limits of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deaths not known to be reaped, and as many announced ones; beyond that they are counted
    /// with the process that has to reap them.
    pub open: usize,
    /// Recently closed deaths.
    pub recent: usize,
    /// How long those are kept, in nanoseconds.
    pub recent_ns: u64,
}

/// All open deaths, and recently closed ones.
#[derive(Debug)]
pub struct Lifecycle {
    open: Table,
    /// Those for which `open` has no room.
    unlisted: Unlisted,
    /// Announced deaths that may not have happened yet; nothing is reported about them.
    pending: Table,
    recent: Recent,
    /// Whether a snapshot was reconciled before: zombies in the first one are older than the agent
    /// and were not missed.
    reconciled: bool,
    /// Whether the last snapshot showed zombies of which it is not known whether they have been
    /// reaped since.
    is_unsure: bool,
}

impl Lifecycle {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            open: Table::new(limits.open),
            unlisted: Unlisted::default(),
            pending: Table::new(limits.open),
            recent: Recent::new(limits.recent, limits.recent_ns),
            reconciled: false,
            is_unsure: false,
        }
    }

    /// Applies one event and appends what it changed to `out`.
    ///
    /// Apply a [`HungUp`](Event::HungUp) only after all events that the ring held at that time,
    /// since they have more detail on the same reap.
    pub fn apply(&mut self, event: &Event, out: &mut Vec<Transition>) {
        match event {
            Event::Death(death) => self.death(death, out),
            Event::Release(release) => self.release(release, out),
            Event::Waited(waited) => self.waited(waited, out),
            Event::Freed(freed) => self.freed(*freed, out),
            Event::Renotified(renotified) => self.renotified(renotified, out),
            Event::HungUp(hung_up) => self.hung_up(*hung_up, out),
            Event::Exec(_) | Event::CgroupMade(_) => {}
        }
    }

    /// Number of announced deaths.
    #[cfg(test)]
    fn pending(&self) -> usize {
        self.pending.iter().count()
    }

    /// Recently closed deaths, latest first.
    pub fn recent(&self) -> impl Iterator<Item = &Record> {
        self.recent.records()
    }

    /// Drops deaths closed too long before `now_ns`.
    pub fn expire(&mut self, now_ns: u64) {
        self.recent.expire(now_ns);
    }

    /// Dead processes not known to be reaped, by key. Each is put together anew: who only counts
    /// asks for [`siblings`](Self::siblings).
    pub fn zombies(&self) -> impl Iterator<Item = Record> {
        self.open.iter().map(|entry| entry.record)
    }

    /// The same, in groups.
    pub fn siblings(&self) -> impl Iterator<Item = Siblings<'_>> + Clone {
        self.open.families()
    }

    /// How many dead processes are not known to be reaped, listed or not.
    pub fn zombies_len(&self) -> u64 {
        self.open.len() as u64 + self.unlisted_len()
    }

    /// How many of them are in no list, for lack of room.
    pub fn unlisted_len(&self) -> u64 {
        self.unlisted.total()
    }

    /// How many of them each process holds, as far as that is known.
    pub fn unlisted(&self) -> impl Iterator<Item = (&Process, u64)> {
        self.unlisted.holders()
    }

    /// The name of each table, its entries, and how many it has room for.
    pub fn tables(&self) -> [(&'static str, usize, usize); 3] {
        [
            ("zombies", self.open.len(), self.open.limit()),
            ("announced", self.pending.len(), self.pending.limit()),
            ("recent", self.recent.len(), self.recent.limit()),
        ]
    }

    /// How many deaths are kept, open or not.
    #[expect(clippy::len_without_is_empty, reason = "it is for the use of memory")]
    pub fn len(&self) -> usize {
        self.open.len() + self.pending.len() + self.recent.len()
    }

    /// The zombie with this key.
    pub fn zombie(&self, key: &Key) -> Option<Record> {
        Some(self.open.get(key)?.record)
    }

    /// The zombie with this PID.
    pub fn zombie_of(&self, tgid: u32) -> Option<Record> {
        Some(self.open.of_tgid(tgid)?.record)
    }

    /// The keys of those that died at this moment or before, at most so many.
    pub fn dead_at(&self, at_ns: u64, most: usize) -> Vec<Key> {
        let rows = self.open.rows().filter(|row| row.died_ns <= at_ns);
        rows.map(packed::Row::key).take(most).collect()
    }

    /// The same with the time of each death, in no order.
    pub fn deaths(&self) -> impl Iterator<Item = (u64, Key)> {
        self.open.deaths()
    }

    /// The keys of the first `limit` of them, by time of death.
    pub fn oldest_first(&self, limit: usize) -> Vec<Key> {
        let groups = self.siblings();
        let groups = groups.map(|group| group.oldest_first().take(limit));
        let mut deaths: Vec<_> = groups.flatten().collect();
        deaths.sort_unstable();
        deaths.truncate(limit);
        let key = |(_, tgid)| self.open.key_of(tgid);
        deaths.into_iter().filter_map(key).collect()
    }

    /// What is known about the death of a process, open or recently closed.
    pub fn get(&self, key: &Key) -> Option<Record> {
        let who = Identity::exact(*key);
        let open = self.open.find(who).and_then(|key| self.open.get(&key));
        let entry = open.or_else(|| self.recent.find(who)?.entry.clone())?;
        Some(entry.record)
    }

    /// What is known about the deaths of all processes with this PID, latest start first.
    pub fn deaths_of(&self, tgid: u32) -> Vec<Record> {
        let closed = self.recent.of_tgid(tgid);
        let closed = closed.filter_map(|closed| closed.entry.clone());
        let entries = self.open.of_tgid(tgid).into_iter().chain(closed);
        let mut records: Vec<_> = entries.map(|entry| entry.record).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.process.key.start_ns));
        records
    }

    /// Opens a death that is neither open nor recent. Any process open under one of its PIDs has
    /// been reaped, since the kernel reuses a PID only after the release
    /// ([`free_pid`](https://elixir.bootlin.com/linux/v6.12/A/ident/free_pid)).
    fn open(&mut self, entry: Entry, now_ns: u64, out: &mut Vec<Transition>) {
        let who = entry.identity();
        let outlived_by = self.close_rivals(who, &entry.record.pids, out);
        if let Some(start_ns) = outlived_by {
            out.push(Transition::Died(who.key));
            self.close_with(entry, Reap::before(start_ns), start_ns, out);
            out.push(Transition::Corrected(Correction::ReapMissed));
        } else if let Some(entry) = self.open.insert(entry) {
            self.count_unlisted(entry.record.responsible().copied(), now_ns, out);
        } else {
            out.push(Transition::Died(who.key));
        }
    }

    /// There is no room for a zombie that this process holds.
    fn count_unlisted(&mut self, holder: Option<Process>, now_ns: u64, out: &mut Vec<Transition>) {
        self.unlisted.add(holder, now_ns);
        out.push(Transition::Corrected(Correction::TableFull));
        out.push(Transition::Unlisted(holder));
    }

    /// A zombie of this process is gone or in the table now. Whether it was one of those for which
    /// there was no room.
    fn take_unlisted(&mut self, holder: Option<Process>, out: &mut Vec<Transition>) -> bool {
        let taken = self.unlisted.take(holder.map(|it| it.key));
        if taken {
            out.push(Transition::UnlistedGone(holder));
        }
        taken
    }

    /// Closes earlier processes with a PID of `who`. If a later one has it, returns when that one
    /// started: `who` itself was reaped before.
    fn close_rivals(
        &mut self,
        who: Identity,
        pids: &[NamespacePid],
        out: &mut Vec<Transition>,
    ) -> Option<u64> {
        let mut outlived_by: Option<u64> = None;
        let rivals = self.open.rivals(who, pids).into_iter();
        for rival in rivals.chain(self.pending.rivals(who, pids)) {
            if rival.key.start_ns <= who.key.start_ns {
                self.miss_reap(rival.key, who.started_by_ns(), out);
            } else {
                let started = rival.started_by_ns();
                outlived_by = Some(outlived_by.map_or(started, |other| other.min(started)));
            }
        }
        outlived_by
    }

    /// It is gone, by `at_ns` at the latest, without an event.
    fn miss_reap(&mut self, key: Key, at_ns: u64, out: &mut Vec<Transition>) {
        let reap = self.gone(&key, at_ns);
        // If it needs no reaping, only its freeing shows the end of an announced one.
        let missed = reap.how == How::Unknown;
        self.finish(key, reap, at_ns, out);
        if missed {
            out.push(Transition::Corrected(Correction::ReapMissed));
        }
    }

    /// How it was released, if it is gone at `at_ns`.
    fn gone(&self, key: &Key, at_ns: u64) -> Reap {
        let entry = self.pending.get(key);
        entry.map_or(Reap::before(at_ns), |entry| entry.gone(at_ns))
    }

    /// The key under which a death is open or announced.
    fn find(&self, who: Identity) -> Option<Key> {
        self.open.find(who).or_else(|| self.pending.find(who))
    }

    /// The same, by PID.
    fn find_number(&self, child: NamespacePid) -> Option<Key> {
        let open = self.open.find_number(child);
        open.or_else(|| self.pending.find_number(child))
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        self.open.get(key).or_else(|| self.pending.get(key))
    }

    /// Closes an open or announced death because of an event at `closed_ns`. A reap before the
    /// death would be a contradiction, so its time is then unknown.
    fn finish(&mut self, key: Key, reap: Reap, closed_ns: u64, out: &mut Vec<Transition>) {
        let announced = self.pending.remove(&key);
        if let Some(entry) = &announced {
            out.push(Transition::Confirmed(Box::new(entry.record.clone())));
        }
        if let Some(entry) = announced.or_else(|| self.open.remove(&key)) {
            self.close_with(entry, reap, closed_ns, out);
        }
    }

    /// Closes a death that is not in a table.
    fn close_with(
        &mut self,
        mut entry: Entry,
        mut reap: Reap,
        closed_ns: u64,
        out: &mut Vec<Transition>,
    ) {
        let died_ns = entry.record.died.at_ns;
        reap.at_ns = reap.at_ns.filter(|&at_ns| at_ns >= died_ns);
        entry.record.reap = Some(Box::new(reap));
        self.close(entry, closed_ns, out);
    }

    /// Reports a complete death, and keeps it for a while.
    fn close(&mut self, entry: Entry, closed_ns: u64, out: &mut Vec<Transition>) {
        out.push(Transition::Finished(Box::new(entry.record.clone())));
        self.recent.push(Closed {
            who: entry.identity(),
            at_ns: closed_ns,
            entry: Some(entry),
        });
    }

    #[cfg(test)]
    fn check(&self) {
        self.open.check();
        self.pending.check();
        for entry in self.pending.iter() {
            let tgid = entry.key().tgid;
            assert!(self.open.of_tgid(tgid).is_none(), "both {tgid}");
        }
        self.recent.check();
    }
}
