//! The story of one process, from the table, a snapshot, the habits and verdicts of those who must
//! reap it, and what /proc says.

use std::collections::{BTreeMap, BTreeSet};

use api::Role;

use super::{LIMITS, State};
use crate::answers::{self, Described};
use crate::events::{Key, Process, Snapshot};
use crate::explain::{self, Known, Life, Seen};
use crate::parents::Row;

/// The workloads of processes, as far as they are known.
type Places = BTreeMap<Key, api::Container>;

impl State {
    /// Explains who has or had this number; `seen` is what /proc said of it just now.
    pub fn explain(
        &mut self,
        pid: u32,
        seen: &Seen,
        snapshot: Option<&Snapshot>,
        now_ns: u64,
    ) -> api::Explained {
        let places = self.places(pid, snapshot, now_ns);
        let gone = snapshot.and_then(|snapshot| self.lifecycle.gone_of(pid, snapshot));
        let mut records: Vec<_> = gone.iter().collect();
        records.extend(self.lifecycle.deaths_of(pid));
        let known = Known {
            pid,
            now_ns,
            began_ns: self.about.began_ns,
            remembered_ns: LIMITS.recent_ns,
            records,
            snapshot,
            seen,
        };
        let lives = explain::lives(&known);
        api::Explained {
            head: self.head(now_ns),
            story: self.explanation(&known, &lives, &places),
        }
    }

    /// The workloads of all processes that have or had this PID, and of their parents.
    fn places(&mut self, pid: u32, snapshot: Option<&Snapshot>, now_ns: u64) -> Places {
        let tasks = snapshot.iter().flat_map(|snapshot| &snapshot.tasks);
        let tasks = tasks.filter(|task| task.process.key.tgid == pid);
        let mut living: BTreeSet<Key> = tasks
            .flat_map(|task| {
                [
                    Some(&task.process),
                    task.parent.as_ref(),
                    task.tracer.as_ref(),
                ]
            })
            .flatten()
            .map(|process| process.key)
            .collect();
        let mut places = Places::new();
        for record in self.lifecycle.deaths_of(pid) {
            living.extend(record.responsible().map(|process| process.key));
            let place = self.workloads.container_of_record(record, now_ns);
            places.extend(place.map(|place| (record.process.key, place)));
        }
        for key in living {
            let place = self.workloads.container(key, now_ns);
            places.extend(place.map(|place| (key, place)));
        }
        places
    }

    fn explanation(
        &self,
        known: &Known<'_>,
        lives: &[Life<'_>],
        places: &Places,
    ) -> api::Explanation {
        let rows = self.rows(known.now_ns);
        let place = |process: &Process| places.get(&process.key).cloned();
        let keeper = |process: &Process, role: Role| {
            let row = self.parents.row_of(process, &rows, known.now_ns);
            self.keeper(&row, role, known.snapshot, place(process))
        };
        let why = |life: &Life<'_>| self.why_unreaped(life.record?, known.now_ns);
        let described = Described {
            wall: self.wall,
            known,
            lives,
        };
        answers::explanation(described, place, keeper, why)
    }

    /// How a process treats its dead children; the snapshot counts the waits of those who are not
    /// suspects too.
    fn keeper(
        &self,
        row: &Row,
        role: Role,
        snapshot: Option<&Snapshot>,
        container: Option<api::Container>,
    ) -> api::Keeper {
        let task = snapshot.and_then(|snapshot| snapshot.of(row.process.key));
        let waits = task.and_then(|task| task.waits);
        // Where wait calls are not watched there are none to count.
        let waits = waits.filter(|waits| self.counts_waits || waits.last_ns.is_some());
        answers::keeper(self.wall, row, role, self.culprit(row, container), waits)
    }
}
