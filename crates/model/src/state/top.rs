//! One frame of the live view.

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
        };
        self.document(vec![frame], 1, now_ns)
    }
}
