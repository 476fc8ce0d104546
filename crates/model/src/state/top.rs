//! One frame of the live view.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use api::Seconds;

use super::{Relatives, State};
use crate::answers;
use crate::filter::{Field, Selection};
use crate::parents::Row;

/// What can be asked of the rows of a frame; some only have some of it.
pub const TOP_FIELDS: [Field; 16] = [
    Field::Pid,
    Field::Comm,
    Field::Parent,
    Field::Zombies,
    Field::Age,
    Field::Leak,
    Field::Reaps,
    Field::Why,
    Field::Workload,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::User,
    Field::Exit,
    Field::Killer,
];

impl State {
    /// The frame of now, with the rows that are wanted of each table; the document has one item.
    pub fn top(&mut self, wanted: &Selection, now_ns: u64) -> api::Document<api::Top> {
        let rows = self.rows(now_ns);
        let shown = self.choose_parents(wanted, &rows, now_ns);
        let mut parent = |row: &Row| {
            let judged = self.judgements.of(row.process.key);
            let why = judged.and_then(|judged| judged.verdict(row));
            let container = self.workloads.container(row.process.key, now_ns);
            answers::parent(self.wall, row, why, container)
        };
        let parents = shown.rows.iter().map(|&n| parent(&rows[n])).collect();
        let all = self.workload_rows(&rows, now_ns);
        let workloads = wanted.choose_of(all.len(), |n| (&all[n]).into());
        // A frame has each verdict once: with the parent, or else with its first zombie.
        let shown_parents = shown.rows.iter().map(|&n| rows[n].process.key.tgid);
        let mut explained: BTreeSet<_> = shown_parents.collect();
        let culprits = rows.iter().filter(|row| row.zombies > 0).count() as u64;
        let (keys, total) = self.choose_zombies(wanted, Some(rows), now_ns);
        self.relatives = Relatives::default();
        let zombies = self.zombie_rows_with(&keys, now_ns, |state, record, _| {
            let holder = record.responsible()?.key;
            let is_new = explained.insert(holder.tgid);
            is_new.then(|| state.judgements.verdict(holder).cloned())?
        });
        let frame = api::Top {
            parents,
            parents_total: shown.total,
            summary: api::Summary {
                zombies: self.lifecycle.zombies_len(),
                culprits: Some(culprits),
                workloads: Some(all.iter().filter(|it| it.culprits > 0).count() as u64),
                exits_total: self.counted.exits(),
                reaped_total: self.tally.reaped(self.counted.lost_deaths),
                stuck: self.stuck,
                unheard: self.unheard,
                uptime_seconds: Seconds::of_ns(now_ns - self.about.began_ns),
                agent_version: self.about.agent.clone(),
            },
            pids: self.pids(),
            zombies,
            zombies_total: total,
            workloads_total: workloads.total,
            workloads: workloads.rows.iter().map(|&n| all[n].clone()).collect(),
        };
        self.document(vec![frame], 1, now_ns)
    }

    /// The workloads of these parents, which are worst first.
    fn workload_rows(&mut self, rows: &[Row], now_ns: u64) -> Vec<api::WorkloadRow> {
        let pids = self.pids();
        let mut of = BTreeMap::<Option<String>, api::WorkloadRow>::new();
        for row in rows {
            let cgroup = self.cgroup_of(row, now_ns);
            let workloads = &mut self.workloads;
            let total = of
                .entry(cgroup)
                .or_insert_with_key(|cgroup| api::WorkloadRow {
                    container: workloads.container(row.process.key, now_ns),
                    pids: pids
                        .iter()
                        .find(|it| cgroup.as_deref() == Some(it.scope.name()))
                        .cloned(),
                    ..api::WorkloadRow::default()
                });
            let age = row.oldest_ns.map(Seconds::of_ns);
            if age > total.oldest_seconds {
                total.oldest_seconds = age;
                total.oldest_is_lower_bound = row.oldest_is_lower_bound;
            }
            if total.verdict.is_none() {
                let judged = self.judgements.of(row.process.key);
                let verdict = judged.and_then(|judged| judged.verdict(row));
                (total.verdict, total.confidence) =
                    verdict.map(|it| (it.id, it.confidence)).unzip();
            }
            total.culprits += u64::from(row.zombies > 0);
            total.zombies += row.zombies;
            total.leaked_per_second += row.leaked_per_second;
            total.reaped_per_second += row.reaped_per_second;
        }
        let mut all: Vec<_> = of.into_values().collect();
        all.sort_by_key(|it| Reverse(it.zombies));
        all
    }
}
