//! A pod at its PID limit: its forks fail, and the agent says which pod, and who fills it.

use anyhow::Result;

use super::{NODES, alert, soon};
use crate::cluster::agents;
use crate::cluster::{kubectl, node, timeline::Timeline};
use crate::metrics_page::metric;
use crate::prometheus::server::Prometheus;

const POD: [(&str, &str); 2] = [("namespace", "shop"), ("pod", "full")];
const ALERT: &str = "ReapwatchPidsNearlyExhausted";

/// Starts it.
pub(super) fn begin() -> Result<()> {
    kubectl::apply(include_str!("full.yaml"))
}

/// Waits until the pod is full, its forks are refused, and the alert names it.
pub(super) fn is_named(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let (used, refused) = soon("a full pod", || {
        let page = agents::metrics(NODES[1])?;
        let of = |name| metric(&page, name, &POD).unwrap_or(0.0);
        let (used, limit) = (of("reapwatch_pids_used"), of("reapwatch_pids_limit"));
        let refused = of("reapwatch_pids_refused_total");
        let whole = |number: f64| number as u64;
        let full = whole(limit) == u64::from(node::PIDS) && used >= limit && refused > 0.0;
        Ok(full.then_some((used, refused)))
    })?;
    timeline.print(&format!(
        "shop/full is at its limit of {used} processes, {refused} forks were refused"
    ));
    let summary = alert::fires(prometheus, ALERT, &POD, &["shop/full"])?;
    timeline.print(&format!("{ALERT} fires: {summary}"));
    kubectl::delete("full")?;
    alert::is_resolved(prometheus, ALERT, &POD)?;
    timeline.print(&format!("kubectl delete: {ALERT} is resolved"));
    Ok(())
}
