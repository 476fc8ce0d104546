//! Who is dead and unreaped.

use std::collections::HashMap;
use std::sync::Arc;

use api::Seconds;

use super::State;
use crate::answers;
use crate::events::Key;
use crate::filter::{Field, Row, Selection};
use crate::lifecycle::Record;
use crate::workload::Workload;

/// What can be asked of a zombie.
pub const ZOMBIE_FIELDS: [Field; 10] = [
    Field::Age,
    Field::Pid,
    Field::Comm,
    Field::Parent,
    Field::Zombies,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::Why,
];

impl State {
    /// Oldest first.
    pub fn zombies(&mut self, wanted: &Selection, now_ns: u64) -> api::Document<api::Zombie> {
        let (items, total) = self.zombies_with(wanted, now_ns, Self::why_unreaped);
        self.document(items, total, now_ns)
    }

    /// Each with what `why` says of it, and how many there are.
    pub(super) fn zombies_with(
        &mut self,
        wanted: &Selection,
        now_ns: u64,
        why: impl Fn(&Self, &Record, u64) -> Option<api::Verdict>,
    ) -> (Vec<api::Zombie>, u64) {
        let records = self.lifecycle.oldest_first();
        let workloads = &mut self.workloads;
        let places: Vec<_> = records
            .iter()
            .filter(|_| wanted.needs_places())
            .map(|record| workloads.of_record(record, now_ns))
            .collect();
        let mut held = HashMap::<Key, u64>::new();
        for holder in records.iter().filter_map(|record| record.responsible()) {
            *held.entry(holder.key).or_default() += 1;
        }
        let rows = records.iter().enumerate().map(|(n, record)| {
            let holder = record.responsible();
            let place = places.get(n).and_then(Option::as_ref);
            Row {
                zombies: holder.and_then(|holder| held.get(&holder.key).copied()),
                why: holder.and_then(|holder| self.judgements.id(holder.key)),
                ..row(record, place, now_ns)
            }
        });
        let chosen = wanted.choose(rows);
        let verdicts: Vec<_> = chosen
            .rows
            .iter()
            .map(|&place| why(self, records[place], now_ns))
            .collect();
        let workloads = &mut self.workloads;
        let zombie = |(&place, verdict): (&usize, _)| {
            let record = records[place];
            let own = workloads.container_of_record(record, now_ns);
            let parent = workloads.container_of_parent(record, now_ns);
            answers::zombie(self.wall, now_ns, record, verdict, [own, parent])
        };
        let zombies = chosen.rows.iter().zip(verdicts).map(zombie).collect();
        (zombies, chosen.total)
    }
}

fn row<'a>(record: &'a Record, place: Option<&'a Arc<Workload>>, now_ns: u64) -> Row<'a> {
    let holder = record.responsible();
    Row {
        pid: record.process.key.tgid,
        comm: record.process.comm.text(),
        parent: holder.map(|holder| (holder.key.tgid, holder.comm.text())),
        age: Some(Seconds::of_ns(now_ns.saturating_sub(record.died.at_ns))),
        place: place.map(|it| it.names()).unwrap_or_default(),
        ..Row::default()
    }
}
