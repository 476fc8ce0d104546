//! Where names of pods come from: the watch on pods while the API server goes and comes back, files
//! where the watch is refused, and the container runtime where nothing else is.

use anyhow::{Result, ensure};

use super::{NODES, culprits, soon};
use crate::cluster::Cluster;
use crate::cluster::agents;
use crate::cluster::{kubectl, manifests, timeline::Timeline};
use crate::metrics_page::metric;

const BINDING: [&str; 2] = ["clusterrolebinding", "reapwatch"];

pub(super) fn survive(cluster: &mut Cluster, timeline: &Timeline) -> Result<()> {
    watch_is(1.0)?;
    // The agents' resource version is too old for the cache of a new API server.
    cluster.control_plane.kill_api_server()?;
    timeline.print("the API server is killed");
    cluster.control_plane.restart_api_server()?;
    watch_is(1.0)?;
    timeline.print(&format!(
        "the API server is back, and so is the watch on pods; failures by reason: {}",
        failures()?
    ));
    kubectl::try_run(&[&["delete"], &BINDING[..]].concat())?;
    cluster.control_plane.kill_api_server()?;
    cluster.control_plane.restart_api_server()?;
    soon("a refused watch", || {
        let page = agents::metrics(NODES[0])?;
        let reason = [("reason", "forbidden")];
        let refused = metric(&page, "reapwatch_pod_watch_failures_total", &reason);
        Ok(refused.filter(|count| *count > 0.0))
    })?;
    watch_is(0.0)?;
    culprits::another_is_named("late")?;
    let doctor = agents::view(NODES[0], &["doctor"])?;
    ensure!(doctor.contains("API server denies it"), "doctor: {doctor}");
    timeline.print(
        "without its ClusterRoleBinding the watch is refused, as doctor says: files name shop/late",
    );
    manifests::apply_asking()?;
    culprits::are_named_again()?;
    let doctor = agents::view(NODES[0], &["doctor"])?;
    ensure!(doctor.contains("answers at"), "doctor: {doctor}");
    timeline.print("with the component cri alone, the container runtime names all of them");
    Ok(())
}

/// Waits until the watch on pods of the first node is up or not.
fn watch_is(value: f64) -> Result<()> {
    soon("the state of the watch on pods", || {
        let page = agents::metrics(NODES[0])?;
        let up = metric(&page, "reapwatch_pod_watch_up", &[]);
        Ok((up == Some(value)).then_some(()))
    })
}

/// Why the watch on pods failed so far.
fn failures() -> Result<String> {
    let page = agents::metrics(NODES[0])?;
    let counts = ["disconnected", "expired", "forbidden"].map(|reason| {
        let name = "reapwatch_pod_watch_failures_total";
        let count = metric(&page, name, &[("reason", reason)]).unwrap_or(0.0);
        format!("{reason} {count}")
    });
    Ok(counts.join(", "))
}
