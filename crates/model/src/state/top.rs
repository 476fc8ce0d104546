//! One frame of the live view.

use super::State;
use crate::answers;
use crate::parents::Row;

impl State {
    /// The frame of now; the document has one item.
    pub fn top(&mut self, now_ns: u64) -> api::Document<api::Top> {
        // The verdict stands with the parent: a frame would else repeat it with each zombie.
        let zombies = self.zombies_with(now_ns, |_, _, _| None);
        let rows = self.rows(now_ns);
        let parent = |row: &Row| {
            let judged = self.judgements.of(row.process.key);
            let why = judged.and_then(|judged| judged.verdict(row));
            let container = self.workloads.container(row.process.key, now_ns);
            answers::parent(self.wall, row, why, container)
        };
        let frame = api::Top {
            parents: rows.iter().map(parent).collect(),
            summary: api::Summary {
                zombies: zombies.len() as u64,
                exits_total: self.counted.exits(),
                reaped_total: self.tally.reaped(self.counted.lost_deaths),
                stuck: self.stuck,
                uptime_seconds: answers::seconds(now_ns - self.about.began_ns),
                agent_version: self.about.agent.clone(),
            },
            pids: self.pids(),
            zombies,
        };
        self.document(vec![frame], now_ns)
    }
}
