//! What happens in the cluster, chapter by chapter.

mod alert;
mod culprits;
mod deleted;
mod events;
mod full;
mod jobs;
mod names;
mod node;
mod panels;
mod plain;
mod privileges;
mod refusals;
mod terminating;
mod updates;

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::timeline::Timeline;
use super::{Cluster, agents, kubectl, manifests, monitor};
use crate::operator;
use crate::stop::until;

/// The nodes by name.
const NODES: [&str; 2] = ["node-1", "node-2"];
/// The namespace of all pods but the agents.
const SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
/// How long anything may take.
const LONG: Duration = Duration::from_secs(120);

/// Tells all of it; with `hold`, only starts the agents and waits for ever.
pub(super) fn tell(cluster: &mut Cluster, timeline: &Timeline, hold: bool) -> Result<()> {
    manifests::apply()?;
    timeline.print("kubectl apply -k overlays/mine: an agent is ready on each node");
    for node in NODES {
        let privileges = agents::privileges_on(node)?;
        timeline.print(&format!("{node}: {privileges}"));
    }
    let prometheus = monitor::start()?;
    timeline.print("Prometheus finds them through the API server");
    kubectl::apply(SHOP)?;
    if hold {
        wait_for_ever();
    }
    let mistakes = operator::check_mistakes(kubectl::validate)?;
    timeline.print(&format!(
        "PodMonitor and PrometheusRule are valid, and refused with any of {mistakes} mistakes"
    ));
    jobs::begin()?;
    culprits::begin(timeline)?;
    full::begin()?;
    terminating::begin()?;
    refusals::begin()?;
    culprits::are_named(timeline)?;
    for pod in ["leaky", "probed"] {
        events::describe(pod, "ZombieLeak", "init_without_reaping", timeline)?;
    }
    node::is_chosen(&prometheus, timeline)?;
    refusals::are_sentences(&prometheus, timeline)?;
    privileges::are_needed(timeline)?;
    plain::is_named_by_id(&cluster.cgroup, timeline)?;
    deleted::is_forgotten(&prometheus, timeline)?;
    full::is_named(&prometheus, timeline)?;
    terminating::is_explained(&prometheus, timeline)?;
    panels::have_data(&prometheus, timeline)?;
    jobs::are_counted(&prometheus, timeline)?;
    updates::lose_nothing(&prometheus, timeline)?;
    events::go_on("probed", timeline)?;
    names::survive(cluster, timeline)?;
    cluster.check()
}

fn wait_for_ever() -> ! {
    println!(
        "          until ^C: nsenter --target {} --mount --net kubectl --kubeconfig /mnt/admin.conf \
         get pods --all-namespaces",
        std::process::id()
    );
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Repeats a question until there is an answer; `what` describes it.
fn soon<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until(what, LONG, ask)
}
