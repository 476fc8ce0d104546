//! Processes that do not reap, and why.

use std::borrow::Cow;
use std::sync::Arc;

use api::Seconds;

use super::State;
use crate::answers;
use crate::events::Waits;
use crate::filter::{self, Chosen, Field, Selection};
use crate::parents::Row;
use crate::workload::Workload;

/// What can be asked of a culprit.
pub const CULPRIT_FIELDS: [Field; 12] = [
    Field::Zombies,
    Field::Age,
    Field::Leak,
    Field::Reaps,
    Field::Pid,
    Field::Comm,
    Field::Namespace,
    Field::Pod,
    Field::Container,
    Field::Unit,
    Field::Workload,
    Field::Why,
];

impl State {
    /// Processes that hold zombies that are not young, the worst first; or zombies that the table has
    /// no room for, of whose age nothing is known.
    pub fn culprits(&mut self, wanted: &Selection, now_ns: u64) -> api::Culprits {
        let mut rows = self.rows(now_ns);
        rows.retain(|row| match row.oldest_ns {
            Some(age_ns) => self.judgements.is_old(now_ns.saturating_sub(age_ns)),
            None => row.zombies > 0,
        });
        let chosen = self.choose_parents(wanted, &rows, now_ns);
        let culprit = |&n: &usize| {
            let container = self.workloads.container(rows[n].process.key, now_ns);
            self.culprit(&rows[n], container, None)
        };
        let items = chosen.rows.iter().map(culprit).collect();
        api::Culprits {
            document: self.document(items, chosen.total, now_ns),
            pids: self.pids(),
        }
    }

    /// Chooses among rows of parents.
    pub(super) fn choose_parents(
        &mut self,
        wanted: &Selection,
        rows: &[Row],
        now_ns: u64,
    ) -> Chosen {
        let workloads = &mut self.workloads;
        let places: Vec<_> = rows
            .iter()
            .filter(|_| wanted.needs_places())
            .map(|row| workloads.of_process(row.process.key, now_ns))
            .collect();
        wanted.choose_of(rows.len(), |n| {
            let place = places.get(n).and_then(Option::as_ref);
            self.asked(&rows[n], place)
        })
    }

    /// What a filter may ask of a row.
    fn asked<'a>(&'a self, row: &'a Row, place: Option<&'a Arc<Workload>>) -> filter::Row<'a> {
        let process = &row.process;
        filter::Row {
            pid: process.key.tgid,
            comm: process.comm.text(),
            parent: Some((process.key.tgid, process.comm.text())),
            zombies: Some(row.zombies),
            age: row.oldest_ns.map(Seconds::of_ns),
            leak: Some(row.leaked_per_second),
            reaps: Some(row.reaped_per_second),
            place: place.map(|it| it.names()).unwrap_or_default(),
            workload: place
                .and_then(|it| it.container_for_answer()?.text())
                .map(Cow::Owned),
            why: self.judgements.id(process.key),
            ..filter::Row::default()
        }
    }

    /// A process by its row and the last round of judging; with its `waits` if more recent ones are
    /// known.
    pub(super) fn culprit(
        &self,
        row: &Row,
        container: Option<api::Container>,
        waits: Option<Waits>,
    ) -> api::Culprit {
        let judged = self.judgements.of(row.process.key);
        let verdict = judged.and_then(|judged| judged.verdict(row));
        let last_wait_ns = waits.and_then(|waits| waits.last_ns);
        let last_wait_ns = last_wait_ns.or(judged.and_then(|judged| judged.last_wait_ns));
        let waits = waits.map(|waits| waits.calls);
        api::Culprit {
            process: answers::process(self.wall, &row.process),
            container,
            zombies: row.zombies,
            oldest_seconds: row.oldest_ns.map(Seconds::of_ns),
            oldest_is_lower_bound: row.oldest_is_lower_bound,
            leaked_per_second: row.leaked_per_second,
            reaped_total: row.reaped_total,
            waits_total: waits.or(judged.and_then(|judged| judged.waits)),
            last_wait_at: last_wait_ns.map(|at_ns| answers::time(self.wall, at_ns)),
            no_verdict: match judged {
                _ if verdict.is_some() => None,
                Some(_) => Some("no rule matches its behaviour".to_owned()),
                None if row.oldest_ns.is_none() && row.zombies > 0 => {
                    Some("there is no room to list its zombies, only to count them".to_owned())
                }
                None => Some(self.why_unjudged.clone()),
            },
            verdict,
        }
    }
}
