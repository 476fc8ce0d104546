//! One frame of the live view.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::Seconds;

use super::State;
use crate::answers;
use crate::filter::Selection;
use crate::parents::Row;

impl State {
    /// The frame of now, with at most `limit` parents and zombies; the document has one item.
    pub fn top(&mut self, limit: usize, now_ns: u64) -> api::Document<api::Top> {
        let rows = self.rows(now_ns);
        let parent = |row: &Row| {
            let judged = self.judgements.of(row.process.key);
            let why = judged.and_then(|judged| judged.verdict(row));
            let container = self.workloads.container(row.process.key, now_ns);
            answers::parent(self.wall, row, why, container)
        };
        let shown = rows.iter().take(limit);
        let parents = shown.map(parent).collect();
        let workloads = self.workload_rows(&rows, limit, now_ns);
        // A frame has the verdict once, with the parent, instead of once per zombie.
        let none = |_: &Self, _: &_, _| None;
        let (keys, total) = self.choose_zombies(&Selection::first(limit), now_ns);
        let zombies = self.zombie_rows_with(&keys, now_ns, none);
        let frame = api::Top {
            parents,
            parents_total: rows.len() as u64,
            summary: api::Summary {
                zombies: total,
                exits_total: self.counted.exits(),
                reaped_total: self.tally.reaped(self.counted.lost_deaths),
                stuck: self.stuck,
                uptime_seconds: Seconds::of_ns(now_ns - self.about.began_ns),
                agent_version: self.about.agent.clone(),
            },
            pids: self.pids(),
            zombies,
            workloads,
        };
        self.document(vec![frame], 1, now_ns)
    }

    /// The workloads of these parents, which are worst first.
    fn workload_rows(&mut self, rows: &[Row], limit: usize, now_ns: u64) -> Vec<api::WorkloadRow> {
        let pids = self.pids();
        let mut of = BTreeMap::<Option<String>, api::WorkloadRow>::new();
        for row in rows {
            let workload = self.workloads.of_process(row.process.key, now_ns);
            let cgroup = workload.as_ref().and_then(|it| it.cgroup.clone());
            let total = of
                .entry(cgroup)
                .or_insert_with_key(|cgroup| api::WorkloadRow {
                    container: workload.and_then(|it| it.container_for_answer()),
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
                total.verdict = verdict.map(|verdict| verdict.id);
            }
            total.culprits += u64::from(row.zombies > 0);
            total.zombies += row.zombies;
            total.leaked_per_second += row.leaked_per_second;
            total.reaped_per_second += row.reaped_per_second;
        }
        let mut all: Vec<_> = of.into_values().collect();
        all.sort_by_key(|it| Reverse(it.zombies));
        all.truncate(limit);
        all
    }
}
