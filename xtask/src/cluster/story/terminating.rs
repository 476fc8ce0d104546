//! A pod that stays in Terminating: its process was killed, but waits for an answer of the driver
//! of its volume before it can die.

use anyhow::{Context, Result, ensure};

use super::{NODES, alert, events, soon};
use crate::cluster::{agents, kubectl, timeline::Timeline};
use crate::prometheus::server::Prometheus;

const POD: [(&str, &str); 2] = [("namespace", "shop"), ("pod", "client")];
const ALERT: &str = "ReapwatchExitStuck";

/// Starts the driver and the pod with its volume, one after the other.
pub(super) fn begin() -> Result<()> {
    kubectl::apply(include_str!("storage.yaml"))?;
    kubectl::wait_until_ready("storage")?;
    kubectl::apply(include_str!("client.yaml"))?;
    kubectl::wait_until_ready("client")
}

/// Deletes it, asks why it does not go, and ends the reason.
pub(super) fn is_explained(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let words = [
        "delete",
        "pod",
        "client",
        "--namespace=shop",
        "--wait=false",
    ];
    kubectl::try_run(&words)?;
    let row = soon("the stuck process of shop/client", || {
        let rows = agents::rows(NODES[0], "stuck")?;
        let mut rows = rows.into_iter();
        Ok(rows.find(|row| row["container"]["pod"] == "client" && row["verdict"].is_object()))
    })?;
    let pod = kubectl::get(&["pod", "client", "--namespace=shop"])?;
    let deleted = &pod["metadata"]["deletionTimestamp"];
    ensure!(deleted.is_string(), "shop/client is not in Terminating");
    let summary = row["verdict"]["summary"].as_str().context("no summary")?;
    let verdict = row["verdict"]["id"].as_str().context("no verdict")?;
    timeline.print(&format!(
        "shop/client stays in Terminating. stuck: {verdict}: {summary}"
    ));
    for process in row["waits_for"]["processes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        timeline.print(&format!("stuck: it waits for {process}"));
    }
    events::describe("client", "ExitStuck", verdict, timeline)?;
    let summary = alert::fires(prometheus, ALERT, &POD, &["shop/client"])?;
    timeline.print(&format!("{ALERT} fires: {summary}"));
    kubectl::delete("storage")?;
    soon("the end of shop/client", || {
        Ok(kubectl::get(&["pod", "client", "--namespace=shop"])
            .is_err()
            .then_some(()))
    })?;
    alert::is_resolved(prometheus, ALERT, &POD)?;
    timeline.print(&format!(
        "its driver is deleted: shop/client ends, {ALERT} is resolved"
    ));
    Ok(())
}
