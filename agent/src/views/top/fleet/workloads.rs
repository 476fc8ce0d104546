//! Containers and units on all nodes of a cluster.

use api::fleet::{Fleet, FleetDocument, FleetWorkload};
use model::filter::{Filter, Row};

use super::super::view::{Identity, Missing, Table};
use super::{Rows as _, ask, facts, gone, words};
use crate::views::fleet::columns::WORKLOADS;
use crate::views::fleet::workload;
use crate::views::look::Look;
use crate::views::text::count;

/// The view.
pub(super) static VIEW: Table<FleetDocument<Fleet>, FleetWorkload> = Table {
    title: "Workloads",
    rows: |frame| &frame.fleet().workloads,
    missing: |_| Missing::default(),
    columns: &WORKLOADS,
    sorts: &["STALE", "ZOMBIES", "EXITS/s", "WORKLOAD", "NODE"],
    count: |frame| Some(frame.fleet().workloads.len() as u64),
    identity: |it| Identity::Named(format!("{:?} {:?}", it.agent, it.names())),
    copied: |it| it.agent.node.clone(),
    is_idle: |_| false,
    passes,
    empty: |frame, _| {
        format!(
            "no zombies on {}, and no exits there in the last 5 minutes",
            count(frame.fleet().nodes.len() as u64, "node")
        )
    },
    detail: |_, _, row, look, width| {
        row.map_or_else(gone, |it| {
            facts(&WORKLOADS, it, &it.agent, look, width) + &ask(&it.agent, look, width)
        })
    },
};

fn passes(_: &FleetDocument<Fleet>, it: &FleetWorkload, filter: &Filter) -> bool {
    let why = words(it.verdicts.as_ref());
    let name = workload(it, Look::PLAIN);
    filter.matches(&Row {
        zombies: Some(it.zombies),
        age: it.oldest_seconds,
        place: [
            Some(&it.agent.node),
            it.namespace.as_deref(),
            it.pod.as_deref(),
            it.container.as_deref(),
            it.unit.as_deref(),
        ],
        why: why.as_deref(),
        workload: Some(name.into()),
        stale: Some(it.stale_zombies as f64),
        growth: it.growth_per_second.map(|growth| growth * 3600.0),
        exits: it.exits_per_second,
        late: it.late_ratio,
        stuck: Some(it.stuck_exits as f64),
        ..Row::default()
    })
}
