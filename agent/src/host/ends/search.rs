//! What the answers of one round share: one scan of the descriptors of the host, made on first use,
//! and what could not be read. I/O.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind},
};

use super::{at::At, fuse, index::Index, mapped::Mapped, memory, relatives::DeadChildren};
use crate::host::proc;
use crate::host::refusal;
use crate::host::stat::Stat;
use model::culprit::evidence::block::{Block, End, On, Relation};

/// Ends that are named.
const ENDS: usize = 4;
/// Holders that are looked at for one block.
pub(super) const HOLDERS: usize = 256;

/// What the answers of one round share.
#[derive(Debug, Default)]
pub struct Search {
    /// The process whose descriptors are looked at first.
    first: u32,
    /// Processes without descriptors, in order.
    without: Vec<u32>,
    dead: DeadChildren,
    index: Option<Index>,
    mapped: Option<Mapped>,
    pub(super) servers: fuse::Servers,
    /// Files that may not be read, with the missing capability.
    unreadable: BTreeSet<String>,
}

impl Search {
    /// A new round.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new round, in which the descriptors of these processes are not looked at; they are in order.
    pub fn among_others_than(without: Vec<u32>) -> Self {
        Self {
            without,
            ..Self::default()
        }
    }

    /// The answers that follow are about a process that holds these zombies.
    pub fn left_by(&mut self, zombies: &[u32]) {
        self.dead = DeadChildren::read(zombies);
    }

    /// What could not be read since the last call, with the missing capability.
    pub fn take_unreadable(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unreadable).into_iter().collect()
    }

    /// The text of a file; notes a missing capability.
    pub(super) fn got<T>(&mut self, path: &str, read: io::Result<T>) -> Option<T> {
        if let Err(error) = &read
            && error.kind() == ErrorKind::PermissionDenied
        {
            self.refuse(path);
        }
        read.ok()
    }

    /// Notes a file that may not be read if a capability would change that, and returns the reason.
    pub(in crate::host) fn refuse(&mut self, path: &str) -> String {
        self.note_refused(path, refusal::missing(path))
    }

    pub(super) fn note_refused(&mut self, path: &str, missing: Option<&str>) -> String {
        self.unreadable
            .extend(missing.map(|it| format!("{path} needs {it}")));
        refusal::words_for(path, missing)
    }

    /// `len` bytes that an argument of a call points to, else the reason why they may not be read, if
    /// known.
    pub(super) fn argument(
        &mut self,
        pid: u32,
        address: u64,
        len: usize,
    ) -> Result<Vec<u8>, Option<String>> {
        memory::bytes(pid, address, len).map_err(|error| {
            (error.kind() == ErrorKind::PermissionDenied)
                .then(|| self.refuse(&format!("the memory of process {pid}")))
        })
    }

    /// The next answer is about this process: if it is the first one, the scan begins with it.
    pub(super) fn begin_with(&mut self, pid: u32) {
        if self.index.is_none() {
            self.first = pid;
        }
    }

    /// The scan, if it has been made and covers all descriptors.
    pub(super) fn whole_index(&self) -> Option<&Index> {
        self.index.as_ref().filter(|index| !index.cut)
    }

    pub(super) fn index(&mut self) -> &Index {
        let Self { first, without, .. } = self;
        self.index
            .get_or_insert_with(|| Index::of_host(*first, without))
    }

    /// The processes that map each shared memory.
    pub(super) fn mapped(&mut self, waiter: u32) -> &Mapped {
        let dead = &self.dead;
        self.mapped
            .get_or_insert_with(|| Mapped::of_host(waiter, dead))
    }

    /// A wait for these processes.
    pub(super) fn block(&mut self, on: On, at: &At, pids: Vec<u32>) -> Block {
        let ends = self.ends(at.pid, pids);
        let unknown = self.unknown(ends.is_empty());
        Block { on, ends, unknown }
    }

    /// At most four of them, those that a dead child left behind first. The waiting process is named
    /// only if it is the only one: then no other process can end the wait.
    pub(super) fn ends(&mut self, waiter: u32, pids: Vec<u32>) -> Vec<End> {
        let pids: BTreeSet<_> = pids.into_iter().take(HOLDERS).collect();
        let mut related: Vec<_> = pids
            .into_iter()
            .filter_map(|pid| {
                let stat = Stat::read(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
                Some((self.dead.relation(pid, stat, waiter), pid, stat.state))
            })
            .collect();
        related.sort_unstable();
        if related.len() > 1 {
            related.retain(|(relation, ..)| *relation != Relation::Itself);
        }
        let end = |(relation, pid, state)| End {
            pid,
            comm: proc::comm(pid).unwrap_or_default(),
            state: Some(state),
            relation,
            waits_for: None,
        };
        related.into_iter().take(ENDS).map(end).collect()
    }

    /// Why the search may have missed a process, if it found none.
    pub(super) fn unknown(&mut self, none_found: bool) -> Option<String> {
        let index = self.index();
        if !none_found {
            return None;
        }
        if index.cut {
            return Some("the search for the other end ran into its limits".to_owned());
        }
        let refused: Vec<_> = index.refused.iter().copied().collect();
        may_have_it(&refused)
    }

    /// The same for one of many descriptors: of processes that are closed to us for other reasons
    /// than our privileges, only relatives count.
    pub(super) fn unknown_of_set(&mut self, waiter: u32, none_found: bool) -> Option<String> {
        let index = self.index();
        if index.cut || refusal::missing(FD).is_some() {
            return self.unknown(none_found);
        }
        let refused = index.refused.clone().into_iter();
        let own = Stat::read(waiter);
        let is_near = |&pid: &u32| {
            let stat = Stat::read(pid);
            let near = stat.is_some_and(|it| self.dead.is_near(it, own)) && pid != 1;
            near || own.is_some_and(|own| own.parent == pid)
        };
        let near: Vec<_> = refused.filter(is_near).collect();
        may_have_it(&near).filter(|_| none_found)
    }
}

/// The descriptors of a process.
const FD: &str = "/proc/PID/fd";

/// That any of these processes may have the other end, since their descriptors may not be read.
fn may_have_it(refused: &[u32]) -> Option<String> {
    match (refusal::missing(FD), refused) {
        (_, []) => None,
        (Some(capability), _) => {
            let of = refusal::processes(refused.len());
            let what = format!("{FD} of {of}");
            Some(refusal::words_for(&what, Some(capability)))
        }
        (None, [pid]) => Some(format!(
            "{} (PID {pid}) may hold it, but its file descriptors cannot be read",
            proc::comm(*pid).unwrap_or_default()
        )),
        (None, _) => Some(format!(
            "the file descriptors of {} cannot be read",
            refusal::processes(refused.len())
        )),
    }
}
