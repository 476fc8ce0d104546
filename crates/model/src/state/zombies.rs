//! Zombies.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use api::{Seconds, Shared};

use super::State;
use crate::answers::{self, Kin};
use crate::events::{CgroupIds, Key, Process};
use crate::filter::{Field, Row, Selection};
use crate::lifecycle::Record;
use crate::parents;
use crate::workload::Workload;

/// What can be asked of a zombie.
pub const ZOMBIE_FIELDS: [Field; 15] = [
    Field::Age,
    Field::Pid,
    Field::Comm,
    Field::Parent,
    Field::Zombies,
    Field::Leak,
    Field::Reaps,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::Workload,
    Field::User,
    Field::Exit,
    Field::Why,
];

/// So many are sorted at once.
const FEW: usize = 1024;
/// Of so many different siblings it is remembered what they have in common.
const FAMILIES: usize = 256;

/// Which zombies an answer is about. Its rows are built from here in parts, since all of them may
/// not fit into memory.
#[derive(Debug)]
pub struct ListedZombies {
    /// The answer, without its items.
    pub document: api::Document<api::Zombie>,
    /// Whom the items are about.
    pub chosen: ChosenZombies,
}

/// What many rows of an answer have in common, made once.
#[derive(Debug, Default)]
pub struct Relatives(HashMap<Family, Kin>);

/// Parent, tracer, forker and cgroup.
type Family = ([Option<Process>; 3], CgroupIds);

/// Zombies that were chosen.
#[derive(Debug)]
pub enum ChosenZombies {
    /// In this order.
    Ordered(Vec<Key>),
    /// The oldest of these, at most so many, each with the time of its death.
    Oldest(Vec<(u64, Key)>, usize),
}

impl ChosenZombies {
    /// In order. To sort them takes long if they are very many.
    pub fn in_order(self) -> Vec<Key> {
        match self {
            Self::Ordered(keys) => keys,
            Self::Oldest(mut deaths, limit) => {
                deaths.sort_unstable();
                deaths.truncate(limit);
                deaths.into_iter().map(|(_, key)| key).collect()
            }
        }
    }
}

impl State {
    /// Oldest first.
    pub fn zombies(&mut self, wanted: &Selection, now_ns: u64) -> api::Document<api::Zombie> {
        let ListedZombies { document, chosen } = self.list_zombies(wanted, now_ns);
        let items = self.zombie_rows(&chosen.in_order(), now_ns);
        api::Document { items, ..document }
    }

    /// Those that are wanted.
    pub fn list_zombies(&mut self, wanted: &Selection, now_ns: u64) -> ListedZombies {
        self.relatives = Relatives::default();
        let (chosen, total) = match wanted.plain_limit() {
            Some(limit) if limit > FEW => {
                let deaths = self.lifecycle.deaths().collect();
                let total = self.lifecycle.zombies_len();
                (ChosenZombies::Oldest(deaths, limit), total)
            }
            _ => {
                let (keys, total) = self.choose_zombies(wanted, None, now_ns);
                (ChosenZombies::Ordered(keys), total)
            }
        };
        let document = self.document(Vec::new(), total, now_ns);
        ListedZombies { document, chosen }
    }

    /// The rows of those that are still zombies, each with why.
    pub fn zombie_rows(&mut self, keys: &[Key], now_ns: u64) -> Vec<api::Zombie> {
        self.zombie_rows_with(keys, now_ns, Self::why_unreaped)
    }

    /// The wanted zombies, in order, and how many pass the filter; with the rows of all parents, if
    /// they are there already.
    pub(super) fn choose_zombies(
        &mut self,
        wanted: &Selection,
        rows: Option<Vec<parents::Row>>,
        now_ns: u64,
    ) -> (Vec<Key>, u64) {
        if let Some(limit) = wanted.plain_limit() {
            let keys = self.lifecycle.oldest_first(limit);
            return (keys, self.lifecycle.zombies_len());
        }
        let holders = rows.unwrap_or_else(|| self.rows(now_ns)).into_iter();
        let holders: HashMap<_, _> = holders.map(|row| (row.process.key.tgid, row)).collect();
        let keys = self.lifecycle.oldest_first(usize::MAX);
        let mut choice = wanted.begin();
        for key in &keys {
            let Some(record) = self.lifecycle.zombie(key) else {
                continue;
            };
            let place = wanted
                .needs_places()
                .then(|| self.workloads.of_record(&record, now_ns));
            let holder = record.responsible();
            // A zombie has its parent's rates: `leak>1` then shows the zombies of leaking parents.
            let known = holder.and_then(|holder| {
                let row = holders.get(&holder.key.tgid)?;
                Some(row).filter(|row| row.process.key.is_roughly(holder.key))
            });
            choice.offer(&Row {
                zombies: known.map(|it| it.zombies),
                leak: known.map(|it| it.leaked_per_second),
                reaps: known.map(|it| it.reaped_per_second),
                why: holder.and_then(|holder| self.judgements.id(holder.key)),
                ..row(&record, place.flatten().as_ref(), now_ns)
            });
        }
        let chosen = choice.end();
        let keys = chosen.rows.iter().map(|&n| keys[n]);
        (keys.collect(), chosen.total)
    }

    /// The rows of those that are still zombies, each with its verdict from `why`.
    pub(super) fn zombie_rows_with(
        &mut self,
        keys: &[Key],
        now_ns: u64,
        mut why: impl FnMut(&Self, &Record, u64) -> Option<Shared<api::Verdict>>,
    ) -> Vec<api::Zombie> {
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(record) = self.lifecycle.zombie(key) else {
                continue;
            };
            let verdict = why(self, &record, now_ns);
            let kin = self.kin(&record, now_ns);
            rows.push(answers::zombie(self.wall, now_ns, &record, verdict, kin));
        }
        rows
    }

    fn kin(&mut self, record: &Record, now_ns: u64) -> Kin {
        let Record {
            parent,
            tracer,
            forker,
            cgroups,
            ..
        } = *record;
        let family = ([parent, tracer, forker], cgroups);
        if let Some(kin) = self.relatives.0.get(&family) {
            return kin.clone();
        }
        let own = self.workloads.container_of_record(record, now_ns);
        let of_parent = self.workloads.container_of_parent(record, now_ns);
        let kin = Kin::of(self.wall, record, [own, of_parent]);
        // One whose cgroup is not known has a place of its own.
        if cgroups != CgroupIds::default() {
            if self.relatives.0.len() >= FAMILIES {
                self.relatives = Relatives::default();
            }
            self.relatives.0.insert(family, kin.clone());
        }
        kin
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
        workload: place
            .and_then(|it| it.container_for_answer()?.text())
            .map(Cow::Owned),
        user: Some(record.uid),
        exit: record.status.map(|it| answers::ended(it).into()),
        ..Row::default()
    }
}
