//! Joins series into nodes and workloads. Pure: Prometheus' answers are the input.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use api::fleet::{Fleet, FleetAgent, FleetNode, FleetWorkload, VerdictCount};
use api::{Id, Seconds};

use super::series::Series;

/// A workload on a node: namespace, pod, container, unit.
type Workload = (FleetAgent, [Option<String>; 4]);

const NAMES: [&str; 4] = ["namespace", "pod", "container", "unit"];

/// Joins both answers; `now` is in Unix seconds.
pub(super) fn fleet(nodes: &[Series], workloads: &[Series], now: f64) -> Fleet {
    let verdicts = Verdicts::of(nodes);
    let nodes = self::nodes(nodes, &verdicts, now);
    Fleet {
        workloads: self::workloads(workloads, &nodes, &verdicts, now),
        nodes,
    }
}

/// All series on one node or workload, by the part of the answer.
#[derive(Default)]
struct Parts<'a>(BTreeMap<&'a str, &'a Series>);

impl<'a> Parts<'a> {
    /// Those of each node or workload that `whose` names.
    fn of<K: Ord>(all: &'a [Series], whose: impl Fn(&Series) -> K) -> BTreeMap<K, Self> {
        let mut parts = BTreeMap::<K, Self>::new();
        for series in all {
            if let Some(part) = series.label("part").filter(|part| *part != "now") {
                let own = parts.entry(whose(series)).or_default();
                own.0.insert(part, series);
            }
        }
        parts
    }

    fn value(&self, part: &str) -> Option<f64> {
        known(self.0.get(part)?.value)
    }

    fn whole(&self, part: &str) -> Option<u64> {
        whole(self.value(part))
    }
}

fn nodes(all: &[Series], verdicts: &Verdicts, now: f64) -> Vec<FleetNode> {
    let mut parts = Parts::of(all, Series::agent);
    parts.retain(|_, parts| parts.0.keys().any(|part| *part != "seen"));
    let scraped = parts.iter().filter(|(_, it)| it.value("up").is_some());
    let scraped: BTreeSet<_> = scraped.map(|(agent, _)| agent.job.clone()).collect();
    // A target that its job no longer has is gone, such as a pod after an update.
    parts.retain(|agent, parts| {
        let has = |part| parts.value(part).is_some();
        has("up") || has("scraped") || !scraped.contains(&agent.job)
    });
    let parts = parts.into_iter();
    let mut nodes: Vec<_> = parts
        .map(|(agent, parts)| node(agent, &parts, verdicts, now))
        .collect();
    nodes.sort_by_key(|node| Reverse((node.stale_zombies, node.zombies)));
    nodes
}

fn node(agent: FleetAgent, parts: &Parts, verdicts: &Verdicts, now: f64) -> FleetNode {
    let scraped = parts.0.get("scraped").filter(|it| it.value.is_finite());
    // Rates look back to before the agent went silent, so they are not current.
    let current = |part| scraped.and_then(|_| parts.value(part));
    let is_judged = scraped.is_some() && parts.0.contains_key("judged");
    FleetNode {
        agent_version: scraped.and_then(|it| it.owned("version")),
        up: parts.value("up").map(|up| up > 0.0),
        data_age_seconds: age(current("scraped").or(parts.value("seen")), now),
        zombies: whole(current("zombies")),
        stale_zombies: whole(current("stale")),
        oldest_seconds: age(current("oldest"), now),
        exits_per_second: current("exits"),
        p99_zombie_seconds: current("p99").map(Seconds),
        stuck_exits: whole(current("stuck")),
        pids_used: whole(current("pids_used")),
        pids_limit: whole(current("pids_limit")),
        lost_events: whole(current("lost")),
        verdicts: is_judged.then(|| verdicts.of_node(&agent)),
        agent,
    }
}

fn workloads(
    all: &[Series],
    nodes: &[FleetNode],
    verdicts: &Verdicts,
    now: f64,
) -> Vec<FleetWorkload> {
    let reporting: BTreeSet<&FleetAgent> = nodes
        .iter()
        .filter(|node| node.zombies.is_some())
        .map(|node| &node.agent)
        .collect();
    let mut parts = Parts::of(all, workload);
    parts.retain(|(agent, _), parts| {
        let has = |part| parts.0.contains_key(part);
        reporting.contains(agent) && ["zombies", "exits", "stuck"].into_iter().any(has)
    });
    let mut holders = BTreeMap::<FleetAgent, u64>::new();
    for ((agent, _), _) in parts.iter().filter(|it| it.1.whole("zombies") > Some(0)) {
        *holders.entry(agent.clone()).or_default() += 1;
    }
    let row = |(workload, parts): (Workload, Parts)| {
        let zombies = parts.whole("zombies").unwrap_or(0);
        let is_only_holder = zombies > 0 && holders.get(&workload.0) == Some(&1);
        let verdicts = verdicts.of_workload(&workload, is_only_holder);
        let (agent, [namespace, pod, container, unit]) = workload;
        FleetWorkload {
            namespace,
            pod,
            container,
            unit,
            agent,
            zombies,
            stale_zombies: parts.whole("stale").unwrap_or(0),
            stuck_exits: parts.whole("stuck").unwrap_or(0),
            growth_per_second: parts.value("growth"),
            oldest_seconds: age(parts.value("oldest"), now),
            exits_per_second: parts.value("exits"),
            late_ratio: parts.value("late"),
            verdicts,
        }
    };
    let mut rows: Vec<_> = parts.into_iter().map(row).collect();
    rows.sort_by_key(|row| Reverse((row.stale_zombies, row.zombies)));
    rows
}

fn workload(series: &Series) -> Workload {
    (series.agent(), NAMES.map(|name| series.owned(name)))
}

/// Culprits by verdict.
type Counts = BTreeMap<Id, u64>;

/// Culprits by verdict, for workloads.
struct Verdicts {
    counts: BTreeMap<Workload, Counts>,
}

impl Verdicts {
    fn of(nodes: &[Series]) -> Self {
        let mut counts = BTreeMap::<Workload, Counts>::new();
        for series in nodes {
            if series.label("part") != Some("culprits") {
                continue;
            }
            if let (Some(verdict), Some(culprits)) =
                (series.owned("verdict"), whole(known(series.value)))
            {
                let of_workload = counts.entry(workload(series)).or_default();
                *of_workload.entry(Id(verdict.into())).or_default() += culprits;
            }
        }
        Self { counts }
    }

    fn of_node(&self, agent: &FleetAgent) -> Vec<VerdictCount> {
        let mut sum = Counts::new();
        let of_node = self.counts.iter().filter(|((of, _), _)| of == agent);
        for (verdict, culprits) in of_node.flat_map(|(_, counts)| counts) {
            *sum.entry(verdict.clone()).or_default() += culprits;
        }
        in_order(&sum)
    }

    /// An agent may report verdicts without a workload; these belong to the only workload with
    /// zombies on its node, if there is exactly one.
    fn of_workload(&self, workload: &Workload, is_only_holder: bool) -> Option<Vec<VerdictCount>> {
        let (agent, _) = workload;
        let named = |(of, names): &Workload| of == agent && names.iter().any(Option::is_some);
        if self.counts.keys().any(named) {
            Some(self.counts.get(workload).map(in_order).unwrap_or_default())
        } else {
            is_only_holder.then(|| self.of_node(agent))
        }
    }
}

fn in_order(counts: &Counts) -> Vec<VerdictCount> {
    let mut verdicts: Vec<_> = counts
        .iter()
        .map(|(verdict, &culprits)| VerdictCount {
            verdict: verdict.clone(),
            culprits,
        })
        .collect();
    verdicts.sort_by_key(|it| Reverse(it.culprits));
    verdicts
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn whole(value: Option<f64>) -> Option<u64> {
    value.map(|value| value.max(0.0).round() as u64)
}

/// The time since a moment; clocks of nodes may be slightly ahead.
fn age(at: Option<f64>, now: f64) -> Option<Seconds> {
    at.map(|at| Seconds((now - at).max(0.0)))
}
