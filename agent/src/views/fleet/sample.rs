//! A cluster for tests.

use crate::views::Look;
use api::fleet::{Fleet, FleetAgent, FleetDocument, FleetNode, FleetWorkload, VerdictCount};
use api::{Seconds, Time, VERSION};

/// Without colour, with more than ASCII.
pub const LOOK: Look = Look {
    color: false,
    ascii: false,
};

fn agent(node: &str) -> FleetAgent {
    FleetAgent {
        cluster: None,
        node: node.to_owned(),
        instance: format!("{node}:9991"),
        job: "agents".to_owned(),
    }
}

fn counts() -> Vec<VerdictCount> {
    let count = |verdict: &'static str, culprits| VerdictCount {
        verdict: verdict.into(),
        culprits,
    };
    vec![count("never_waits", 2), count("starved", 1)]
}

fn node(name: &str, zombies: u64, age: f64) -> FleetNode {
    FleetNode {
        agent: agent(name),
        agent_version: Some("0.1.0".to_owned()),
        up: Some(true),
        data_age_seconds: Some(Seconds(age)),
        zombies: Some(zombies),
        stale_zombies: Some(0),
        oldest_seconds: None,
        exits_per_second: Some(0.0),
        p99_zombie_seconds: Some(Seconds(0.002)),
        stuck_exits: Some(0),
        pids_used: Some(90),
        pids_limit: Some(1000),
        lost_events: Some(0),
        verdicts: Some(Vec::new()),
    }
}

fn workload(node: &str, zombies: u64) -> FleetWorkload {
    FleetWorkload {
        namespace: None,
        pod: None,
        container: None,
        unit: None,
        agent: agent(node),
        zombies,
        stale_zombies: 0,
        stuck_exits: 0,
        growth_per_second: None,
        oldest_seconds: None,
        exits_per_second: Some(0.5),
        late_ratio: Some(0.25),
        verdicts: None,
    }
}

/// A healthy node, one with a leaking pod, one that is down; and three workloads.
pub fn busy() -> FleetDocument<Fleet> {
    let leaking = FleetNode {
        stale_zombies: Some(4),
        oldest_seconds: Some(Seconds(302.0)),
        exits_per_second: Some(1.25),
        stuck_exits: Some(1),
        pids_used: Some(900),
        lost_events: Some(7),
        verdicts: Some(counts()),
        ..node("worker-2", 7, 14.0)
    };
    let down = FleetNode {
        agent_version: None,
        up: Some(false),
        zombies: None,
        stale_zombies: None,
        exits_per_second: None,
        p99_zombie_seconds: None,
        stuck_exits: None,
        pids_used: None,
        lost_events: None,
        verdicts: None,
        ..node("worker-3", 0, 300.0)
    };
    let web = FleetWorkload {
        namespace: Some("shop".to_owned()),
        pod: Some("web-0".to_owned()),
        container: Some("app".to_owned()),
        stale_zombies: 4,
        growth_per_second: Some(0.01),
        oldest_seconds: Some(Seconds(302.0)),
        verdicts: Some(counts()),
        ..workload("worker-2", 7)
    };
    let other = || Some("~other".to_owned());
    let rest = FleetWorkload {
        namespace: other(),
        pod: other(),
        container: other(),
        unit: other(),
        growth_per_second: Some(0.0),
        ..workload("worker-2", 0)
    };
    FleetDocument {
        version: VERSION,
        source: "prometheus".to_owned(),
        prometheus: "http://prom:9090".to_owned(),
        at: Time("2026-11-22T03:11:22.123Z".parse().expect("a time")),
        lost_events: Some(7),
        items: vec![Fleet {
            nodes: vec![node("worker-1", 2, 2.0), leaking, down],
            workloads: vec![web, workload("worker-1", 2), rest],
        }],
    }
}
