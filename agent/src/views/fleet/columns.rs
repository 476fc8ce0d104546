//! The columns of nodes and workloads: headings, cells, widths and sort keys.

use std::cmp::Ordering;

use crate::views::Look;
use crate::views::table::{Layout, TableColumn, down};
use crate::views::text::rate;
use api::Bound;
use api::fleet::{FleetNode, FleetWorkload, VerdictCount};

use super::{node, verdicts, workload};

/// A column of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Name of a node.
    Node,
    /// Name of a workload.
    Workload,
    /// Whether the agent is up.
    Agent,
    /// Age of the data.
    Data,
    /// Zombies.
    Zombies,
    /// Stale zombies.
    Stale,
    /// New stale zombies.
    Growth,
    /// Age of the oldest zombie.
    Oldest,
    /// Exits.
    Exits,
    /// 99th percentile of zombie time.
    P99,
    /// Share of late reaps.
    Late,
    /// Stuck exits.
    Stuck,
    /// PIDs in use, and the limit.
    Pids,
    /// Lost events.
    Lost,
    /// Culprits by verdict.
    Why,
}

use Column::{
    Agent, Data, Exits, Growth, Late, Lost, Node, Oldest, P99, Pids, Stale, Stuck, Why, Workload,
    Zombies,
};

/// For nodes, most important first.
pub const NODES: &[Column] = &[
    Node, Agent, Zombies, Stale, Oldest, Exits, Why, Stuck, Pids, P99, Data, Lost,
];

/// For workloads.
pub const WORKLOADS: &[Column] = &[
    Workload, Node, Stale, Growth, Oldest, Why, Zombies, Exits, Late, Stuck,
];

impl TableColumn for Column {
    fn layout(self) -> Layout {
        match self {
            Node => Layout::left("NODE", 11, 20),
            Workload => Layout::left("WORKLOAD", 18, 34),
            Agent => Layout::left("AGENT", 5, 0),
            Data => Layout::right("DATA", 6, 1),
            Zombies => Layout::right("ZOMBIES", 8, 0),
            Stale => Layout::right("STALE", 6, 0),
            Growth => Layout::right("GROWTH/h", 9, 0),
            Oldest => Layout::right("OLDEST", 7, 1),
            Exits => Layout::right("EXITS/s", 8, 0),
            P99 => Layout::right("P99", 6, 1),
            Late => Layout::right("LATE", 5, 0),
            Stuck => Layout::right("STUCK", 6, 0),
            Pids => Layout::right("PIDS", 5, 0),
            Lost => Layout::right("LOST", 6, 1),
            Why => Layout::left("WHY", 15, 40),
        }
    }
}

impl Column {
    /// The cell in a node's row.
    pub fn of_node(self, it: &FleetNode, look: Look) -> String {
        let number = |value: Option<u64>| look.known(value, |value| value.to_string());
        match self {
            Node => node(&it.agent, look),
            Agent => match it.up {
                Some(true) => "up",
                Some(false) => "DOWN",
                None => look.nothing(),
            }
            .to_owned(),
            Data => look.maybe(it.data_age_seconds, Bound::Exact),
            Zombies => number(it.zombies),
            Stale => number(it.stale_zombies),
            Oldest => look.maybe(it.oldest_seconds, Bound::Exact),
            Exits => look.known(it.exits_per_second, rate),
            P99 => look.maybe(it.p99_zombie_seconds, Bound::Exact),
            Stuck => number(it.stuck_exits),
            Pids => look.known(pids(it), percent),
            Lost => number(it.lost_events),
            Why => why(it.verdicts.as_deref(), look),
            Workload | Growth | Late => String::new(),
        }
    }

    /// The cell in a workload's row.
    pub fn of_workload(self, it: &FleetWorkload, look: Look) -> String {
        match self {
            Workload => workload(it, look),
            Node => node(&it.agent, look),
            Zombies => it.zombies.to_string(),
            Stale => it.stale_zombies.to_string(),
            Growth => look.known(it.growth_per_second, per_hour),
            Oldest => look.maybe(it.oldest_seconds, Bound::Exact),
            Exits => look.known(it.exits_per_second, rate),
            Late => look.known(it.late_ratio, percent),
            Stuck => it.stuck_exits.to_string(),
            Why => why(it.verdicts.as_deref(), look),
            Agent | Data | P99 | Pids | Lost => String::new(),
        }
    }

    /// Order of two nodes by this column: worst first; names ascending.
    pub fn order_nodes(self, a: &FleetNode, b: &FleetNode) -> Ordering {
        match self {
            // Nodes that are down come first.
            Agent => a.up.unwrap_or(true).cmp(&b.up.unwrap_or(true)),
            Data => down(a.data_age_seconds, b.data_age_seconds),
            Zombies => b.zombies.cmp(&a.zombies),
            Stale => b.stale_zombies.cmp(&a.stale_zombies),
            Oldest => down(a.oldest_seconds, b.oldest_seconds),
            Exits => down(a.exits_per_second, b.exits_per_second),
            P99 => down(a.p99_zombie_seconds, b.p99_zombie_seconds),
            Stuck => b.stuck_exits.cmp(&a.stuck_exits),
            Pids => down(pids(a), pids(b)),
            Lost => b.lost_events.cmp(&a.lost_events),
            Why => by_verdict(a.verdicts.as_deref(), b.verdicts.as_deref()),
            Node | Workload | Growth | Late => a.agent.cmp(&b.agent),
        }
    }

    /// Order of two workloads by this column.
    pub fn order_workloads(self, a: &FleetWorkload, b: &FleetWorkload) -> Ordering {
        match self {
            Node => a.agent.cmp(&b.agent),
            Zombies => b.zombies.cmp(&a.zombies),
            Stale => b.stale_zombies.cmp(&a.stale_zombies),
            Growth => down(a.growth_per_second, b.growth_per_second),
            Oldest => down(a.oldest_seconds, b.oldest_seconds),
            Exits => down(a.exits_per_second, b.exits_per_second),
            Late => down(a.late_ratio, b.late_ratio),
            Stuck => b.stuck_exits.cmp(&a.stuck_exits),
            Why => by_verdict(a.verdicts.as_deref(), b.verdicts.as_deref()),
            Workload | Agent | Data | P99 | Pids | Lost => a.names().cmp(&b.names()),
        }
    }
}

/// Share of PIDs in use.
pub fn pids(node: &FleetNode) -> Option<f64> {
    let limit = node.pids_limit.filter(|limit| *limit > 0)?;
    Some(node.pids_used? as f64 / limit as f64)
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 1.0 => "<1%".to_owned(),
        percent => format!("{percent:.0}%"),
    }
}

fn per_hour(per_second: f64) -> String {
    let per_hour = per_second * 3600.0;
    // Anything less than one in ten hours is noise.
    if per_hour.abs() < 0.1 {
        "0".to_owned()
    } else {
        format!("{per_hour:+.1}")
    }
}

fn why(counts: Option<&[VerdictCount]>, look: Look) -> String {
    match counts {
        None | Some([]) => look.nothing().to_owned(),
        Some(counts) => look.clean(&verdicts(counts)),
    }
}

/// Those with a verdict come first.
fn by_verdict(a: Option<&[VerdictCount]>, b: Option<&[VerdictCount]>) -> Ordering {
    let [a, b] = [a, b].map(|counts| Some(&counts?.first()?.verdict));
    (a.is_none(), a).cmp(&(b.is_none(), b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_slopes_are_short() {
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(0.004), "<1%");
        assert_eq!(percent(0.256), "26%");
        assert_eq!(per_hour(0.0), "0");
        assert_eq!(per_hour(0.01), "+36.0");
        assert_eq!(per_hour(-0.001), "-3.6");
    }
}
