//! The nodes of a cluster, one row per agent.

use api::fleet::{Fleet, FleetDocument, FleetNode, FleetWorkload};
use model::filter::{Filter, Row};

use super::super::view::{Identity, Missing, Table};
use super::{Rows as _, ask, facts, gone, words};
use crate::views::fleet::columns::{NODES, WORKLOADS, pids};
use crate::views::look::Look;
use crate::views::table;

/// The view.
pub(super) static VIEW: Table<FleetDocument<Fleet>, FleetNode> = Table {
    title: "Nodes",
    rows: |frame| &frame.fleet().nodes,
    missing: |_| Missing::default(),
    columns: &NODES,
    sorts: &["STALE", "ZOMBIES", "AGENT", "NODE"],
    count: |frame| Some(frame.fleet().nodes.len() as u64),
    identity: |it| Identity::Named(format!("{:?}", it.agent)),
    copied: |it| it.agent.node.clone(),
    is_idle: |_| false,
    passes,
    empty: |_, _| "Prometheus has no data from any agent".to_owned(),
    detail,
};

fn passes(_: &FleetDocument<Fleet>, it: &FleetNode, filter: &Filter) -> bool {
    let why = words(it.verdicts.as_ref());
    filter.matches(&Row {
        zombies: it.zombies,
        age: it.oldest_seconds,
        place: [Some(&it.agent.node), None, None, None, None],
        why: why.as_deref(),
        stale: it.stale_zombies.map(|stale| stale as f64),
        exits: it.exits_per_second,
        stuck: it.stuck_exits.map(|stuck| stuck as f64),
        pids: pids(it),
        lost: it.lost_events.map(|lost| lost as f64),
        ..Row::default()
    })
}

fn detail(
    frame: &FleetDocument<Fleet>,
    _: &Identity,
    row: Option<&FleetNode>,
    look: Look,
    width: usize,
) -> String {
    let Some(it) = row else { return gone() };
    let mut text = facts(&NODES, it, &it.agent, look, width);
    let version = it.agent_version.as_deref();
    let version = look.known(version, |it| look.clean(it));
    text += &look.hanging(&format!("  {:<12}", "version"), &version, width);
    let holds = |other: &&FleetWorkload| other.agent == it.agent && other.zombies > 0;
    let mut holders: Vec<_> = frame.fleet().workloads.iter().filter(holds).collect();
    holders.sort_by(|a, b| {
        let age = |it: &FleetWorkload| it.oldest_seconds.map_or(0.0, |age| age.0);
        let stale = b.stale_zombies.cmp(&a.stale_zombies);
        stale.then_with(|| age(b).total_cmp(&age(a)))
    });
    if holders.is_empty() {
        text += "\nNo workload holds zombies\n";
    } else {
        let rows = table::text(
            &WORKLOADS,
            holders.into_iter(),
            false,
            Look {
                color: false,
                ..look
            },
        );
        text += "\nWorkloads with zombies\n";
        text.extend(rows.lines().flat_map(|line| ["  ", line, "\n"]));
    }
    text + &ask(&it.agent, look, width)
}
