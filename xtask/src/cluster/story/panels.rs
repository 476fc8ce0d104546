//! Every panel of the dashboards, with what real pods give it.

use anyhow::{Result, ensure};

use super::soon;
use crate::cluster::{kubectl, timeline::Timeline};
use crate::dashboards;
use crate::prometheus::server::Prometheus;

/// Deaths of each kind that a panel shows.
const DEATHS: [&str; 6] = [
    "reaped_0ms",
    "reaped_10ms",
    "reaped_100ms",
    "exit_group_threads",
    "killed_sigkill",
    "killed_sigterm",
];

pub(super) fn have_data(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let exec = [
        "exec",
        "probed",
        "--namespace=shop",
        "--",
        "/scenarios",
        "run",
    ];
    let words = [&exec[..], &DEATHS[..]].concat();
    let mut panels = Vec::new();
    let all = soon("data in each panel", || {
        kubectl::try_run(&words)?;
        panels = dashboards::answered(prometheus)?;
        Ok(panels.iter().all(|panel| panel.has_data).then_some(()))
    });
    timeline.print("what the panels of the dashboards show:");
    for panel in &panels {
        println!("          {panel}");
    }
    let empty = panels.iter().filter(|panel| !panel.has_data).count();
    ensure!(empty == 0, "{empty} panels have no data");
    all
}
