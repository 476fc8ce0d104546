//! Joining of series.

use api::Seconds;
use api::fleet::{Fleet, FleetNode, FleetWorkload};

use super::join;
use super::series::{Series, parse};

const NOW: f64 = 1_000.0;

/// Series from lines such as `zombies 3 node=a pod=b`; all from one job unless they name another.
fn series(lines: &[&str]) -> Vec<Series> {
    let one = |line: &&str| {
        let mut words = line.split(' ');
        let mut labels = serde_json::Map::new();
        labels.insert("part".into(), words.next().into());
        labels.insert("job".into(), "agents".into());
        let value = words.next().expect("a value");
        for (name, text) in words.filter_map(|word| word.split_once('=')) {
            labels.insert(name.into(), text.into());
            if name == "node" {
                labels.insert("instance".into(), format!("{text}:9991").into());
            }
        }
        serde_json::json!({"metric": labels, "value": [NOW, value]})
    };
    let all: Vec<_> = lines.iter().map(one).collect();
    let answer = serde_json::json!({
        "status": "success", "data": {"resultType": "vector", "result": all}
    });
    parse(answer.to_string().as_bytes()).expect("an answer")
}

fn fleet(nodes: &[&str], workloads: &[&str]) -> Fleet {
    join::fleet(&series(nodes), &series(workloads), NOW)
}

fn node<'a>(fleet: &'a Fleet, name: &str) -> &'a FleetNode {
    let found = fleet.nodes.iter().find(|it| it.agent.node == name);
    found.unwrap_or_else(|| panic!("no {name} in {fleet:?}"))
}

fn workload<'a>(fleet: &'a Fleet, pod: Option<&str>) -> &'a FleetWorkload {
    let found = fleet.workloads.iter().find(|it| it.pod.as_deref() == pod);
    found.unwrap_or_else(|| panic!("no {pod:?} in {fleet:?}"))
}

#[test]
fn values_of_a_node_are_joined_and_missing_ones_are_unknown() {
    let fleet = fleet(
        &[
            "now 1000",
            "up 1 node=a",
            "scraped 990 node=a version=0.1.0 arch=x86_64",
            "zombies 5 node=a",
            "stale 2 node=a",
            "oldest 400 node=a",
            "exits 1.5 node=a",
            "p99 NaN node=a",
            "pids_used 100 node=a",
            "pids_limit 400 node=a",
            "judged 1 node=a",
        ],
        &[],
    );
    assert_eq!(fleet.nodes.len(), 1);
    let a = node(&fleet, "a");
    assert_eq!(
        (a.up, a.data_age_seconds),
        (Some(true), Some(Seconds(10.0)))
    );
    assert_eq!((a.zombies, a.stale_zombies), (Some(5), Some(2)));
    assert_eq!(a.oldest_seconds, Some(Seconds(600.0)));
    assert_eq!(
        (a.exits_per_second, a.p99_zombie_seconds),
        (Some(1.5), None)
    );
    assert_eq!((a.pids_used, a.pids_limit), (Some(100), Some(400)));
    assert_eq!((a.stuck_exits, a.lost_events), (None, None));
    assert_eq!(a.agent_version.as_deref(), Some("0.1.0"));
    assert_eq!(a.verdicts.as_deref(), Some(&[][..]));
}

#[test]
fn the_instance_stands_in_for_a_missing_node_label() {
    let fleet = fleet(&["up 1 instance=10.0.0.1:9991"], &[]);
    assert_eq!(fleet.nodes[0].agent.node, "10.0.0.1:9991");
}

#[test]
fn a_node_without_data_shows_no_old_values() {
    let fleet = fleet(
        &[
            "up 0 node=a",
            "known 1 node=a",
            "seen 700 node=a",
            "exits 1.5 node=a",
            "p99 0.5 node=a",
            "up 1 node=b",
            "scraped 999 node=b",
            "zombies 0 node=b",
        ],
        &["exits 1.5 node=a pod=x", "exits 2 node=b pod=y"],
    );
    let a = node(&fleet, "a");
    assert_eq!(
        (a.up, a.data_age_seconds),
        (Some(false), Some(Seconds(300.0)))
    );
    assert_eq!((a.exits_per_second, a.p99_zombie_seconds), (None, None));
    let pods: Vec<_> = fleet.workloads.iter().map(|it| it.pod.as_deref()).collect();
    assert_eq!(pods, [Some("y")]);
}

#[test]
fn a_removed_target_is_gone() {
    let fleet = fleet(
        &[
            "known 1 node=old",
            "seen 700 node=old",
            "up 1 node=new",
            "scraped 999 node=new",
            // Not scraped: its data was pushed.
            "known 1 node=sent job=remote",
            "scraped 900 node=sent job=remote",
            "known 1 node=lost job=remote",
        ],
        &[],
    );
    let mut names: Vec<_> = fleet
        .nodes
        .iter()
        .map(|it| it.agent.node.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["lost", "new", "sent"]);
    assert_eq!(node(&fleet, "sent").up, None);
}

const TWO: &[&str] = &[
    "up 1 node=a",
    "scraped 999 node=a",
    "zombies 3 node=a",
    "judged 1 node=a",
];

#[test]
fn node_verdicts_belong_to_a_workload_only_if_it_is_the_only_one() {
    let culprits = [TWO, &["culprits 2 node=a verdict=never_waits"]].concat();
    let one = fleet(
        &culprits,
        &["zombies 3 node=a pod=x", "exits 1 node=a pod=y"],
    );
    let verdicts = |it: &FleetWorkload| it.verdicts.clone().map(|all| all.len());
    assert_eq!(verdicts(workload(&one, Some("x"))), Some(1));
    assert_eq!(verdicts(workload(&one, Some("y"))), None);
    let two = fleet(&culprits, &["zombies 3 node=a pod=x", "zombies 1 node=a"]);
    assert_eq!(verdicts(workload(&two, Some("x"))), None);
    assert_eq!(verdicts(workload(&two, None)), None);
}

#[test]
fn verdicts_that_name_a_workload_are_its_own_and_add_up_for_the_node() {
    let culprits = [
        TWO,
        &[
            "culprits 1 node=a verdict=starved pod=x",
            "culprits 2 node=a verdict=never_waits pod=x",
            "culprits 1 node=a verdict=never_waits",
        ],
    ]
    .concat();
    let fleet = fleet(
        &culprits,
        &[
            "zombies 3 node=a pod=x",
            "zombies 1 node=a",
            "zombies 1 node=a pod=z",
        ],
    );
    let words = |counts: &Option<Vec<api::fleet::VerdictCount>>| {
        let counts = counts.as_ref().expect("known");
        let words = counts
            .iter()
            .map(|it| format!("{} {}", it.verdict, it.culprits));
        words.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        words(&node(&fleet, "a").verdicts),
        "never_waits 3, starved 1"
    );
    assert_eq!(
        words(&workload(&fleet, Some("x")).verdicts),
        "never_waits 2, starved 1"
    );
    assert_eq!(words(&workload(&fleet, None).verdicts), "never_waits 1");
    assert_eq!(words(&workload(&fleet, Some("z")).verdicts), "");
}

#[test]
fn only_a_vector_is_an_answer() {
    for body in [
        "<html>",
        "{}",
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
    ] {
        assert!(parse(body.as_bytes()).is_none(), "{body}");
    }
}
