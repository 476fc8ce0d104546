//! Who does not reap, and why.

use super::State;
use crate::answers;
use crate::parents::Row;

impl State {
    /// Those who hold zombies that are not young, the worst first.
    pub fn culprits(&mut self, now_ns: u64) -> api::Culprits {
        let mut rows = self.rows(now_ns);
        rows.retain(|row| {
            let age_ns = row.oldest_ns;
            age_ns.is_some_and(|age_ns| self.judgements.is_old(now_ns.saturating_sub(age_ns)))
        });
        let culprit = |row: &Row| {
            let container = self.workloads.container(row.process.key, now_ns);
            self.culprit(row, container)
        };
        let items = rows.iter().map(culprit).collect();
        api::Culprits {
            document: self.document(items, now_ns),
            pids: self.pids(),
        }
    }

    /// What its row and the last round of judging say of a process.
    pub(super) fn culprit(&self, row: &Row, container: Option<api::Container>) -> api::Culprit {
        let judged = self.judgements.of(row.process.key);
        let verdict = judged.and_then(|judged| judged.verdict(row));
        let last_wait_ns = judged.and_then(|judged| judged.last_wait_ns);
        api::Culprit {
            process: answers::process(self.wall, &row.process),
            container,
            zombies: row.zombies,
            oldest_seconds: row.oldest_ns.map(answers::seconds),
            oldest_is_lower_bound: row.oldest_is_lower_bound,
            leaked_per_second: row.leaked_per_second,
            reaped_total: row.reaped_total,
            waits_total: judged.and_then(|judged| judged.waits),
            last_wait_at: last_wait_ns.map(|at_ns| answers::time(self.wall, at_ns)),
            no_verdict: match judged {
                _ if verdict.is_some() => None,
                Some(_) => Some("what it does fits no rule".to_owned()),
                None => Some(self.why_unjudged.clone()),
            },
            verdict,
        }
    }
}
