//! The life of each death, from its first sign to its reap: a pure state machine. Events and
//! snapshots go in, [`Transition`]s come out. It has no clock and does no I/O; the same input gives
//! the same transitions.
//!
//! Any event may be lost, repeated or late. A snapshot settles what events leave open
//! ([`Lifecycle::reconcile`]); each repair is a counted [`Correction`]. Nothing is guessed: unknown
//! values are `None` or marked as bounds.

mod death;
mod pending;
mod reap;
mod recent;
mod reconcile;
mod record;
mod table;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod traces;

pub use record::*;

use crate::events::{Event, Key, NamespacePid};
use recent::{Closed, Recent};
use table::{Entry, Identity, Table};

/// Limits of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deaths not known to be reaped, and as many announced ones; beyond that the oldest is
    /// dropped.
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
    /// Announced deaths that may not have happened yet; nothing is reported about them.
    pending: Table,
    recent: Recent,
    /// Whether a snapshot was reconciled before: zombies in the first one are older than the agent
    /// and were not missed.
    reconciled: bool,
}

impl Lifecycle {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            open: Table::new(limits.open),
            pending: Table::new(limits.open),
            recent: Recent::new(limits.recent, limits.recent_ns),
            reconciled: false,
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

    /// Dead processes not known to be reaped, by key.
    pub fn zombies(&self) -> impl Iterator<Item = &Record> {
        self.open.iter().map(|entry| &entry.record)
    }

    /// How many dead processes are not known to be reaped.
    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    /// How many deaths are kept, open or not.
    #[expect(clippy::len_without_is_empty, reason = "it is for the use of memory")]
    pub fn len(&self) -> usize {
        self.open.len() + self.pending.len() + self.recent.len()
    }

    /// The zombie with this key.
    pub fn zombie(&self, key: &Key) -> Option<&Record> {
        Some(&self.open.get(key)?.record)
    }

    /// All of them, by time of death.
    pub fn oldest_first(&self) -> Vec<&Record> {
        let mut records: Vec<_> = self.zombies().collect();
        records.sort_by_key(|record| record.died.at_ns);
        records
    }

    /// What is known about the death of a process, open or recently closed.
    pub fn get(&self, key: &Key) -> Option<&Record> {
        let who = Identity::exact(*key);
        let open = self.open.find(who).and_then(|key| self.open.get(&key));
        let entry = open.or_else(|| self.recent.find(who)?.entry.as_ref())?;
        Some(&entry.record)
    }

    /// What is known about the deaths of all processes with this PID, latest start first.
    pub fn deaths_of(&self, tgid: u32) -> Vec<&Record> {
        let closed = self.recent.of_tgid(tgid);
        let entries = self
            .open
            .of_tgid(tgid)
            .chain(closed.filter_map(|closed| closed.entry.as_ref()));
        let mut records: Vec<_> = entries.map(|entry| &entry.record).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.process.key.start_ns));
        records
    }

    /// Opens a death that is neither open nor recent. Any process open under one of its PIDs has
    /// been reaped, since the kernel reuses a PID only after the release
    /// ([`free_pid`](https://elixir.bootlin.com/linux/v6.12/A/ident/free_pid)).
    fn open(&mut self, entry: Entry, now_ns: u64, out: &mut Vec<Transition>) {
        let who = entry.identity();
        let outlived_by = self.close_rivals(who, &entry.record.pids, out);
        if let Some(evicted) = self.open.insert(entry) {
            self.recent.push(Closed {
                who: evicted.identity(),
                at_ns: now_ns,
                entry: Some(evicted),
            });
            out.push(Transition::Corrected(Correction::TableFull));
        }
        out.push(Transition::Died(who.key));
        if let Some(start_ns) = outlived_by {
            self.miss_reap(who.key, start_ns, out);
        }
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
        if entry.is_some_and(Entry::will_autoreap) {
            Reap::autoreap_before(at_ns)
        } else {
            Reap::before(at_ns)
        }
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

    fn entry(&self, key: &Key) -> Option<&Entry> {
        self.open.get(key).or_else(|| self.pending.get(key))
    }

    /// Closes an open or announced death because of an event at `closed_ns`. A reap before the
    /// death would be a contradiction, so its time is then unknown.
    fn finish(&mut self, key: Key, mut reap: Reap, closed_ns: u64, out: &mut Vec<Transition>) {
        let announced = self.pending.remove(&key);
        if let Some(entry) = &announced {
            out.push(Transition::Confirmed(Box::new(entry.record.clone())));
        }
        let Some(mut entry) = announced.or_else(|| self.open.remove(&key)) else {
            return;
        };
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
            assert!(self.open.of_tgid(tgid).next().is_none(), "both {tgid}");
        }
        self.recent.check();
    }
}
