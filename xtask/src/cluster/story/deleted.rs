//! A pod that is deleted while it leaks: the alert names it, then its zombies are gone with it, its
//! deaths stay counted, and the alert is resolved.

use anyhow::{Result, ensure};

use super::{NODES, alert, soon};
use crate::cluster::agents;
use crate::cluster::{kubectl, timeline::Timeline};
use crate::metrics_page::metric;
use crate::prometheus::server::Prometheus;

const ALERT: &str = "ReapwatchZombieLeak";
const APP: [(&str, &str); 3] = [
    ("namespace", "shop"),
    ("pod", "leaky"),
    ("container", "app"),
];

pub(super) fn is_forgotten(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let words = ["shop/leaky", "init_without_reaping"];
    let summary = alert::fires(prometheus, ALERT, &APP, &words)?;
    timeline.print(&format!("{ALERT} fires: {summary}"));
    let page = agents::metrics(NODES[0])?;
    let zombies = metric(&page, "reapwatch_zombies", &APP).unwrap_or(0.0);
    kubectl::delete("leaky")?;
    let exits = soon("the end of the zombies of shop/leaky", || {
        let page = agents::metrics(NODES[0])?;
        let left = metric(&page, "reapwatch_zombies", &APP).unwrap_or(0.0);
        let exits = metric(&page, "reapwatch_exits_total", &APP);
        Ok(exits.filter(|_| left == 0.0))
    })?;
    ensure!(exits >= zombies, "only {exits} deaths of shop/leaky");
    let killed = [&APP[..], &[("kind", "killed")]].concat();
    soon("its killed PID 1", || {
        let page = agents::metrics(NODES[0])?;
        Ok(metric(&page, "reapwatch_exits_total", &killed).filter(|count| *count >= 1.0))
    })?;
    timeline.print(&format!(
        "kubectl delete: shop/leaky had {zombies} zombies and has none; {exits} deaths stay counted"
    ));
    alert::is_resolved(prometheus, ALERT, &APP)?;
    timeline.print(&format!("{ALERT} is resolved"));
    Ok(())
}
