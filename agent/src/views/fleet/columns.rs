//! The columns of nodes and workloads of a cluster.

use api::Bound;
use api::fleet::{FleetNode, FleetWorkload, VerdictCount};

use crate::views::Look;
use crate::views::column::{Column, Shown, Tone};
use crate::views::text::rate;

use super::{node, verdicts, workload};

type OfNode = Column<FleetNode>;

/// For nodes.
pub static NODES: [Column<FleetNode>; 12] = [
    OfNode::text("NODE", "name of the node", |it, look| {
        Some(node(&it.agent, look))
    })
    .width(11, 31),
    OfNode::text("AGENT", "whether its agent is up", |it, _| {
        Some(if it.up? { "up" } else { "DOWN" }.to_owned())
    })
    .width(5, 5)
    .rank(1)
    .tone(|it| {
        if it.up == Some(false) {
            Tone::Bad
        } else {
            Tone::Plain
        }
    }),
    OfNode::count("ZOMBIES", "zombies", |it| it.zombies).rank(2),
    OfNode::count("STALE", "zombies older than --stale-after", |it| {
        it.stale_zombies
    })
    .width(6, 6)
    .rank(3)
    .tone(|it| warn(it.stale_zombies > Some(0))),
    OfNode::span("OLDEST", "age of the oldest zombie", |it| {
        Some((it.oldest_seconds?, Bound::Exact))
    })
    .width(7, 8)
    .rank(4)
    .tone(|it| warn(it.stale_zombies > Some(0))),
    OfNode::number(
        "EXITS/s",
        "exits, over 5 minutes",
        |it| it.exits_per_second,
        rate,
    )
    .width(8, 8)
    .rank(6),
    OfNode::count(
        "STUCK",
        "processes that are exiting but never finish",
        |it| it.stuck_exits,
    )
    .width(6, 6)
    .rank(7)
    .tone(|it| bad(it.stuck_exits > Some(0))),
    OfNode::number("PIDS", "share of PIDs in use", pids, percent)
        .width(5, 5)
        .rank(8)
        .tone(|it| bad(pids(it) >= Some(0.8))),
    OfNode::span(
        "P99",
        "99th percentile of zombie time, over 5 minutes",
        |it| Some((it.p99_zombie_seconds?, Bound::Exact)),
    )
    .width(6, 7)
    .rank(9),
    OfNode::span("DATA", "time since the last scrape", |it| {
        Some((it.data_age_seconds?, Bound::Exact))
    })
    .width(6, 7)
    .rank(10),
    OfNode::count("LOST", "events lost since the agent started", |it| {
        it.lost_events
    })
    .width(6, 7)
    .rank(11)
    .tone(|it| bad(it.lost_events > Some(0))),
    OfNode::text("WHY", "culprits by verdict", |it, look| {
        why(it.verdicts.as_deref(), look)
    })
    .width(15, 55)
    .whole()
    .rank(5)
    .tone(|_| Tone::Warn),
];

type OfWorkload = Column<FleetWorkload>;

/// For workloads.
pub static WORKLOADS: [Column<FleetWorkload>; 10] = [
    OfWorkload::text("WORKLOAD", "pod, container or unit", |it, look| {
        Some(workload(it, look))
    })
    .width(18, 52)
    .cut_front(),
    OfWorkload::text("NODE", "node it runs on", |it, look| {
        Some(node(&it.agent, look))
    })
    .width(11, 31)
    .rank(1),
    OfWorkload::count("ZOMBIES", "zombies", |it| Some(it.zombies)).rank(6),
    OfWorkload::count("STALE", "zombies older than --stale-after", |it| {
        Some(it.stale_zombies)
    })
    .width(6, 6)
    .rank(2)
    .tone(|it| warn(it.stale_zombies > 0)),
    OfWorkload::number(
        "GROWTH/h",
        "new stale zombies per hour, over 15 minutes",
        |it| it.growth_per_second,
        per_hour,
    )
    .width(9, 9)
    .rank(3),
    OfWorkload::span("OLDEST", "age of the oldest zombie", |it| {
        Some((it.oldest_seconds?, Bound::Exact))
    })
    .width(7, 8)
    .rank(4)
    .tone(|it| warn(it.stale_zombies > 0)),
    OfWorkload::number(
        "EXITS/s",
        "exits, over 5 minutes",
        |it| it.exits_per_second,
        rate,
    )
    .width(8, 8)
    .rank(7),
    OfWorkload::number(
        "LATE",
        "share of late reaps, over 15 minutes",
        |it| it.late_ratio,
        percent,
    )
    .width(5, 5)
    .rank(8),
    OfWorkload::count(
        "STUCK",
        "processes that are exiting but never finish",
        |it| Some(it.stuck_exits),
    )
    .width(6, 6)
    .rank(9)
    .tone(|it| bad(it.stuck_exits > 0)),
    OfWorkload::text("WHY", "culprits by verdict", |it, look| {
        why(it.verdicts.as_deref(), look)
    })
    .width(15, 55)
    .whole()
    .rank(5)
    .shown(Shown::IfUsed)
    .tone(|_| Tone::Warn),
];

fn warn(so: bool) -> Tone {
    if so { Tone::Warn } else { Tone::Plain }
}

fn bad(so: bool) -> Tone {
    if so { Tone::Bad } else { Tone::Plain }
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

fn why(counts: Option<&[VerdictCount]>, look: Look) -> Option<String> {
    let counts = counts.filter(|counts| !counts.is_empty())?;
    Some(look.clean(&verdicts(counts)))
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
