//! Agents that end: by a rolling update, and by a crash. No death that was counted is lost in
//! Prometheus' sums, and none is counted twice.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{NODES, jobs, soon};
use crate::cluster::{agents, images, kubectl, manifests, timeline::Timeline};
use crate::prometheus::server::Prometheus;

const REAPWATCH: &str = "--namespace=reapwatch";

pub(super) fn lose_nothing(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    let before = jobs::run(prometheus, "before")?;
    let image = format!("agent={}", images::AGENTS[1]);
    kubectl::try_run(&["set", "image", "daemonset/reapwatch", &image, REAPWATCH])?;
    manifests::roll_out()?;
    timeline.print("a rolling update has replaced both agents");
    let between = jobs::run(prometheus, "between")?;
    crash()?;
    timeline.print("kill -9 of the agent of node-1: kubelet has started it again");
    let after = jobs::run(prometheus, "after")?;
    for (name, count) in [("before", before), ("between", between), ("after", after)] {
        jobs::is_unchanged(prometheus, name, count)?;
        timeline.print(&format!(
            "Prometheus: the Job {name} still has {count} deaths"
        ));
    }
    Ok(())
}

/// Kills the agent of the first node, and waits until its container runs again.
fn crash() -> Result<()> {
    let before = restarts()?;
    let agent = Pid::from_raw(agents::process_on(NODES[0])? as i32);
    kill(agent, Signal::SIGKILL).context("kill the agent")?;
    soon("the restart of the agent", || {
        Ok((restarts()? > before).then_some(()))
    })?;
    manifests::roll_out()
}

fn restarts() -> Result<u64> {
    let pod = agents::pod_on(NODES[0])?;
    let count = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
    count.context("no count of restarts")
}
