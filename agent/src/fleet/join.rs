//! Joins series into nodes and workloads. Pure: Prometheus' answers are the input.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use api::fleet::{Fleet, FleetAgent, FleetNode, FleetWorkload, VerdictCount};

use super::series::Series;

/// A workload on a node: namespace, pod, container, unit.
type Workload = (FleetAgent, [Option<String>; 4]);

const NAMES: [&str; 4] = ["namespace", "pod", "container", "unit"];

/// What is known about a workload.
const FIGURES: &[&str] = &[
    "zombies", "stale", "stuck", "growth", "oldest", "exits", "late",
];

/// Joins both answers; `now` is in Unix seconds.
pub(super) fn fleet(nodes: &[Series], workloads: &[Series], now: f64) -> Fleet {
    let verdicts = Verdicts::of(nodes);
    let nodes = self::nodes(nodes, &verdicts, now);
    let mut workloads = self::workloads(workloads, &nodes, now);
    verdicts.give(&mut workloads);
    Fleet { nodes, workloads }
}

fn nodes(all: &[Series], verdicts: &Verdicts, now: f64) -> Vec<FleetNode> {
    let mut nodes: BTreeMap<FleetAgent, FleetNode> = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for series in all {
        let Some(part) = series.label("part").filter(|part| *part != "now") else {
            continue;
        };
        let agent = series.agent();
        let value = known(series.value);
        if part == "seen" {
            seen.insert(agent, value);
            continue;
        }
        let node = nodes
            .entry(agent)
            .or_insert_with_key(|agent| unknown(agent.clone()));
        match part {
            "up" => node.up = value.map(|up| up > 0.0),
            "scraped" => {
                node.agent_version = series.owned("version");
                node.data_age_seconds = age(value, now);
            }
            "zombies" => node.zombies = whole(value),
            "stale" => node.stale_zombies = whole(value),
            "oldest" => node.oldest_seconds = age(value, now),
            "exits" => node.exits_per_second = value,
            "p99" => node.p99_zombie_seconds = value,
            "stuck" => node.stuck_exits = whole(value),
            "pids_used" => node.pids_used = whole(value),
            "pids_limit" => node.pids_limit = whole(value),
            "lost" => node.lost_events = whole(value),
            "judged" => node.verdicts = Some(verdicts.of_node(&node.agent)),
            _ => {}
        }
    }
    let scraped: BTreeSet<String> = nodes
        .values()
        .filter(|node| node.up.is_some())
        .map(|node| node.agent.job.clone())
        .collect();
    let mut nodes: Vec<FleetNode> = nodes
        .into_values()
        // A target that its job no longer has is gone, such as a pod after an update.
        .filter(|node| {
            node.up.is_some()
                || node.data_age_seconds.is_some()
                || !scraped.contains(&node.agent.job)
        })
        .collect();
    for node in &mut nodes {
        if node.data_age_seconds.is_none() {
            // Rates look back to before the agent went silent, so they are not current.
            *node = FleetNode {
                up: node.up,
                data_age_seconds: age(seen.get(&node.agent).copied().flatten(), now),
                ..unknown(node.agent.clone())
            };
        }
    }
    nodes.sort_by_key(|node| Reverse((node.stale_zombies, node.zombies)));
    nodes
}

fn unknown(agent: FleetAgent) -> FleetNode {
    FleetNode {
        agent,
        agent_version: None,
        up: None,
        data_age_seconds: None,
        zombies: None,
        stale_zombies: None,
        oldest_seconds: None,
        exits_per_second: None,
        p99_zombie_seconds: None,
        stuck_exits: None,
        pids_used: None,
        pids_limit: None,
        lost_events: None,
        verdicts: None,
    }
}

fn workloads(all: &[Series], nodes: &[FleetNode], now: f64) -> Vec<FleetWorkload> {
    let reporting: BTreeSet<&FleetAgent> = nodes
        .iter()
        .filter(|node| node.zombies.is_some())
        .map(|node| &node.agent)
        .collect();
    let mut rows: BTreeMap<Workload, FleetWorkload> = BTreeMap::new();
    let of = |wanted: &'static [&'static str]| {
        all.iter().filter_map(move |series| {
            let part = series.label("part").filter(|part| wanted.contains(part))?;
            Some((part, workload(series), known(series.value)))
        })
    };
    for (_, workload, _) in of(&["zombies", "exits", "stuck"]) {
        if reporting.contains(&workload.0) {
            rows.entry(workload).or_insert_with_key(|workload| {
                let (agent, [namespace, pod, container, unit]) = workload.clone();
                FleetWorkload {
                    namespace,
                    pod,
                    container,
                    unit,
                    agent,
                    zombies: 0,
                    stale_zombies: 0,
                    stuck_exits: 0,
                    growth_per_second: None,
                    oldest_seconds: None,
                    exits_per_second: None,
                    late_ratio: None,
                    verdicts: None,
                }
            });
        }
    }
    for (part, workload, value) in of(FIGURES) {
        let Some(row) = rows.get_mut(&workload) else {
            continue;
        };
        match part {
            "zombies" => row.zombies = whole(value).unwrap_or(0),
            "stale" => row.stale_zombies = whole(value).unwrap_or(0),
            "stuck" => row.stuck_exits = whole(value).unwrap_or(0),
            "growth" => row.growth_per_second = value,
            "oldest" => row.oldest_seconds = age(value, now),
            "exits" => row.exits_per_second = value,
            _ => row.late_ratio = value,
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by_key(|row| Reverse((row.stale_zombies, row.zombies)));
    rows
}

fn workload(series: &Series) -> Workload {
    (series.agent(), NAMES.map(|name| series.owned(name)))
}

/// Culprits by verdict, for workloads.
struct Verdicts {
    counts: BTreeMap<Workload, BTreeMap<String, u64>>,
}

impl Verdicts {
    fn of(nodes: &[Series]) -> Self {
        let mut counts: BTreeMap<Workload, BTreeMap<String, u64>> = BTreeMap::new();
        for series in nodes {
            if series.label("part") != Some("culprits") {
                continue;
            }
            if let (Some(verdict), Some(culprits)) =
                (series.owned("verdict"), whole(known(series.value)))
            {
                let of_workload = counts.entry(workload(series)).or_default();
                *of_workload.entry(verdict).or_default() += culprits;
            }
        }
        Self { counts }
    }

    fn of_node(&self, agent: &FleetAgent) -> Vec<VerdictCount> {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        let of_node = self.counts.iter().filter(|((of, _), _)| of == agent);
        for (verdict, culprits) in of_node.flat_map(|(_, counts)| counts) {
            *sum.entry(verdict.clone()).or_default() += culprits;
        }
        in_order(&sum)
    }

    /// Adds verdicts to workloads. An agent may report verdicts without a workload; these belong to
    /// the only workload with zombies on its node, if there is exactly one.
    fn give(&self, workloads: &mut [FleetWorkload]) {
        let mut holders: BTreeMap<FleetAgent, usize> = BTreeMap::new();
        for row in workloads.iter().filter(|row| row.zombies > 0) {
            *holders.entry(row.agent.clone()).or_default() += 1;
        }
        let split: BTreeSet<&FleetAgent> = self
            .counts
            .keys()
            .filter(|(_, names)| names.iter().any(Option::is_some))
            .map(|(agent, _)| agent)
            .collect();
        for row in workloads {
            let names = [&row.namespace, &row.pod, &row.container, &row.unit].map(Clone::clone);
            let exact = self.counts.get(&(row.agent.clone(), names));
            row.verdicts = if split.contains(&row.agent) {
                Some(exact.map(in_order).unwrap_or_default())
            } else if row.zombies > 0 && holders.get(&row.agent) == Some(&1) {
                Some(self.of_node(&row.agent))
            } else {
                None
            };
        }
    }
}

fn in_order(counts: &BTreeMap<String, u64>) -> Vec<VerdictCount> {
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

/// Seconds since a moment; clocks of nodes may be slightly ahead.
fn age(at: Option<f64>, now: f64) -> Option<f64> {
    at.map(|at| (now - at).max(0.0))
}
