//! A node without a cluster: containerd and runc run pods over CRI,
//! the agent beside them is the pod that its DaemonSet describes, and Prometheus has our rules.

mod agent;
mod alert;
mod cgroups;
mod containerd;
mod cri;
mod daemon_set;
mod images;
mod plain;
mod pods;
mod rules;
mod stop;
mod timeline;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use self::agent::Agent;
use self::cgroups::Cgroups;
use self::containerd::Containerd;
use self::timeline::Timeline;
use self::workloads::Workloads;
use crate::dashboards;
use crate::prometheus::server::Prometheus;
use crate::setup::{self, Purpose};
use crate::statics;

/// Deaths of each kind that a panel shows.
const DEATHS: [&str; 6] = [
    "reaped_0ms",
    "reaped_10ms",
    "reaped_100ms",
    "exit_group_threads",
    "killed_sigkill",
    "killed_sigterm",
];
/// How long a panel may take to have data.
const LONG: Duration = Duration::from_secs(60);

/// `cargo xtask cluster`.
pub(crate) fn main() -> Result<ExitCode> {
    setup::ensure(Purpose::Cluster)?;
    if let Some(lack) = setup::no_containers() {
        bail!("no pods here: {lack}");
    }
    let programs = statics::build_for_tests()?;
    let images = images::build(&programs)?;
    // From here on there is something to clean up.
    stop::take_signals()?;
    println!(
        "As on a node, but: pods have the node's network, zombies are stale after {}, and all times \
         of the rules are {} times shorter (at least 1 s).",
        daemon_set::STALE_AFTER,
        rules::FACTOR
    );
    let timeline = Timeline::begin();
    let _cgroups = Cgroups::new();
    let containerd = Containerd::start(images::SCENARIOS)?;
    for image in &images {
        containerd.import(image)?;
    }
    timeline.print("containerd runs, with the images of the agent and the scenarios");
    let agent = Agent::start(&containerd)?;
    timeline.print(&format!("the agent is ready: {}", agent.privileges()?));
    let files = rules::write(containerd.folder())?;
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    let prometheus = Prometheus::start(agent.address, &files)?;
    timeline.print("Prometheus scrapes it every second");

    let workloads = Workloads::enter(&containerd, &agent, &timeline)?;
    workloads.is_named_by_runtime(&Agent::start_asking(&containerd)?, &timeline)?;
    workloads::stands_alone(&containerd, &programs.scenarios, &agent, &timeline)?;
    workloads::kill_and_delete(&containerd, &agent, &timeline)?;
    let die = || workloads.die(&containerd, &DEATHS);
    let summary = alert::wait_until_it_fires(&prometheus, die)?;
    timeline.print(&format!("ReapwatchZombieLeak fires: {summary}"));
    let panels = panels(&prometheus, die)?;
    timeline.print("what the panels of the dashboards show:");
    for panel in &panels {
        println!("          {panel}");
    }
    let _others = workloads.end_leak();
    timeline.print("shop/leaky-0 is deleted");
    alert::wait_until_it_is_gone(&prometheus)?;
    timeline.print("ReapwatchZombieLeak is resolved");
    match panels.iter().filter(|panel| !panel.has_data).count() {
        0 => Ok(ExitCode::SUCCESS),
        count => bail!("{count} panels have no data"),
    }
}

/// Queries all panels until each has data or the time is over.
fn panels(
    prometheus: &Prometheus,
    die: impl Fn() -> Result<()>,
) -> Result<Vec<dashboards::Answered>> {
    let mut last = Vec::new();
    let all = stop::until("data in each panel", LONG, || {
        die()?;
        last = dashboards::answered(prometheus)?;
        Ok(last.iter().all(|panel| panel.has_data).then_some(()))
    });
    // Panels without data are listed with the others.
    match all {
        Err(_) if last.iter().any(|panel| !panel.has_data) => Ok(last),
        all => all.map(|()| last),
    }
}
