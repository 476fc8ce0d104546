//! One node among several: chosen by `kubectl reapwatch --node`, by exec and by port-forward, and
//! all of them at once by way of Prometheus.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{NODES, soon};
use crate::cluster::{agents, kubectl, namespaces::file, timeline::Timeline};
use crate::prometheus::server::Prometheus;

pub(super) fn is_chosen(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let mut forwarded = agents::plugin(&["--node", NODES[0], "--forward", "culprits"]);
    let path = std::env::var("PATH").unwrap_or_default();
    forwarded.env("PATH", format!("{}:{path}", file("bin").display()));
    let text = kubectl::finished(&mut forwarded)?;
    ensure!(text.contains("shop/leaky"), "over a forwarded port: {text}");
    timeline.print("kubectl reapwatch --node node-1: the same by exec and by port-forward");
    all_are_shown(prometheus, timeline)
}

/// All nodes at once, by way of Prometheus.
fn all_are_shown(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let fleet = |view: &[&str]| {
        let mut reapwatch = Command::new(program());
        reapwatch
            .args(view)
            .args(["--prometheus", &prometheus.url()]);
        kubectl::finished(&mut reapwatch)
    };
    let mut last = String::new();
    let nodes = soon("both nodes in top --prometheus", || {
        last = fleet(&["top", "-b", "-n", "1"])?;
        Ok(NODES.iter().all(|node| last.contains(node)).then_some(()))
    });
    nodes.with_context(|| last.clone())?;
    timeline.print("reapwatch top --prometheus:");
    for line in last.lines().take(12) {
        println!("          {line}");
    }
    let leaks = soon("shop/leaky in culprits --prometheus", || {
        last = fleet(&["culprits"])?;
        Ok(last.contains("shop/leaky").then_some(()))
    });
    leaks.with_context(|| last.clone())?;
    timeline.print("reapwatch culprits --prometheus names shop/leaky too");
    Ok(())
}

/// The agent's program as an administrator has it.
pub(super) fn program() -> std::path::PathBuf {
    Path::new(&file("bin")).join("reapwatch")
}
