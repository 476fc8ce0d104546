//! Output of `culprits` and `zombies` for a cluster.

use super::sample::{LOOK, busy};
use super::*;
use crate::views::snapshot;

#[test]
fn culprits_are_workloads_then_the_verdicts_of_nodes() {
    let text = culprits_report(&busy(), LOOK);
    snapshot::check("fleet", "culprits", &text);
}

#[test]
fn zombies_are_counted_by_workload() {
    snapshot::check("fleet", "zombies", &zombies_report(&busy(), LOOK));
}

#[test]
fn only_nodes_with_data_count_as_calm() {
    let mut calm = busy();
    calm.items[0].workloads.clear();
    let text = zombies_report(&calm, LOOK);
    assert!(text.starts_with("no zombies on 2 nodes\n"), "{text}");
    assert!(text.contains("worker-3"), "{text}");
}

#[test]
fn equal_node_names_are_prefixed_with_the_cluster() {
    let mut agent = busy().items[0].nodes[0].agent.clone();
    assert_eq!(node(&agent, LOOK), "worker-1");
    agent.cluster = Some("eu\x1b".to_owned());
    assert_eq!(node(&agent, LOOK), "eu?/worker-1");
}
