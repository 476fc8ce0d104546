//! What `culprits` and `zombies` print of a cluster.

use super::sample::{LOOK, busy};
use super::*;

#[test]
fn culprits_are_workloads_then_the_verdicts_of_nodes() {
    let expected = "\
WORKLOAD        NODE      STALE  GROWTH/h  OLDEST  LATE  WHY
shop/web-0/app  worker-2      4     +36.0    5m2s   25%  never_waits 2, starved

NODE      WHY
worker-2  never_waits 2, starved
nothing is known of worker-3: its agent is down, the last figures are 5m old
Prometheus knows no PIDs: `kubectl reapwatch --node NODE culprits` or `reapwatch culprits --url \
http://NODE:9991` asks the node itself
";
    assert_eq!(culprits_report(&busy(), LOOK), expected);
}

#[test]
fn zombies_are_counted_by_workload() {
    let expected = "\
WORKLOAD            NODE      ZOMBIES  STALE  OLDEST
shop/web-0/app      worker-2        7      4    5m2s
not in a container  worker-1        2      0       –
";
    assert!(zombies_report(&busy(), LOOK).starts_with(expected));
}

#[test]
fn nothing_is_said_of_the_nodes_that_tell_only() {
    let mut calm = busy();
    calm.items[0].workloads.clear();
    assert!(zombies_report(&calm, LOOK).starts_with("no zombies on 2 nodes\nnothing is known of"));
}

#[test]
fn clusters_tell_nodes_of_one_name_apart() {
    let mut agent = busy().items[0].nodes[0].agent.clone();
    assert_eq!(node(&agent, LOOK), "worker-1");
    agent.cluster = Some("eu\x1b".to_owned());
    assert_eq!(node(&agent, LOOK), "eu?/worker-1");
}
