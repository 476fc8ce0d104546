//! Pods with different faults, and whether the agent reports each under the right names.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::agent::{Agent, metric};
use super::containerd::Containerd;
use super::cri::mode;
use super::plain::Plain;
use super::pods::Pod;
use super::stop::until;
use super::timeline::Timeline;

/// The namespace of all these pods, and the name of their containers.
pub(super) const NAMESPACE: &str = "shop";
pub(super) const APP: &str = "app";
/// The pod whose leak the alert has to name.
pub(super) const LEAKY: &str = "leaky-0";
/// The true verdict of all culprits here.
pub(super) const VERDICT: &str = "init_without_reaping";
/// Longer than the agent's interval of reading all cgroups, which is a minute.
const LONG: Duration = Duration::from_secs(90);
/// Orphans of a probe or a sidecar.
const ORPHANS: f64 = 3.0;

/// Those that stay.
pub(super) struct Workloads<'a> {
    leaky: Pod<'a>,
    probed: Pod<'a>,
    probed_app: String,
    shared: Pod<'a>,
}

impl<'a> Workloads<'a> {
    /// Starts them, one after another, and asks the agent about each.
    pub(super) fn enter(
        containerd: &'a Containerd,
        agent: &Agent,
        timeline: &Timeline,
    ) -> Result<Self> {
        let start = |name, pids| Pod::start(containerd, NAMESPACE, name, pids);
        let leaky = start(LEAKY, mode::CONTAINER)?;
        leaky.run_part(APP, "leaky")?;
        timeline.print("PID 1 of shop/leaky-0 begins to leak: its scripts leave orphans");

        let probed = start("probed-0", mode::CONTAINER)?;
        let probed_app = probed.run_part(APP, "app")?;
        containerd
            .cri()
            .exec(&probed_app, &["/scenarios", "pod", "probe"])?;
        timeline.print("an exec probe leaves three orphans in shop/probed-0");

        let shared = start("shared-0", mode::POD)?;
        shared.run_part("sidecar", "sidecar")?;
        timeline.print("a sidecar leaves three to the pause process of shop/shared-0");

        for (pod, container) in [(LEAKY, APP), ("probed-0", APP), ("shared-0", "sidecar")] {
            let least = wait_for_zombies(agent, pod, container, ORPHANS)?;
            timeline.print(&format!(
                "/metrics: {least} zombies of shop/{pod}/{container}"
            ));
        }
        for pod in [LEAKY, "probed-0"] {
            let culprit = culprit(agent, |container| container["pod"] == pod)?;
            ensure!(
                culprit["container"]["namespace"] == NAMESPACE
                    && culprit["container"]["name"] == APP,
                "culprits names it {}",
                culprit["container"]
            );
            timeline.print(&format!("culprits: shop/{pod}/{APP}, {VERDICT}"));
        }
        wait_for_pause(agent, &shared)?;
        timeline.print(&format!(
            "culprits: the pause process of shop/shared-0, {VERDICT}"
        ));
        for view in [&["top", "-b", "-n", "1", "--json"][..], &["culprits"]] {
            let output = agent.view(view)?;
            ensure!(
                output.contains(LEAKY),
                "{view:?} in its pod prints: {output}"
            );
        }
        timeline.print("top and culprits, asked inside the agent's pod, name shop/leaky-0");
        Ok(Self {
            leaky,
            probed,
            probed_app,
            shared,
        })
    }

    /// Checks that an agent with names from the container runtime alone reports the same.
    pub(super) fn is_named_by_runtime(&self, agent: &Agent, timeline: &Timeline) -> Result<()> {
        for (pod, container) in [(LEAKY, APP), ("probed-0", APP), ("shared-0", "sidecar")] {
            wait_for_zombies(agent, pod, container, ORPHANS)?;
        }
        wait_for_pause(agent, &self.shared)?;
        let doctor = agent.get("/api/v1/doctor")?;
        ensure!(doctor.contains("answers at"), "{doctor}");
        timeline.print("an agent with names only from the container runtime reports the same");
        Ok(())
    }

    /// Deaths of many kinds, in a container.
    pub(super) fn die(&self, containerd: &Containerd, deaths: &[&str]) -> Result<()> {
        let words: Vec<_> = ["/scenarios", "run"]
            .iter()
            .chain(deaths)
            .copied()
            .collect();
        containerd.cri().exec(&self.probed_app, &words)?;
        Ok(())
    }

    /// Deletes the pod that leaks; the others stay.
    pub(super) fn end_leak(self) -> [Pod<'a>; 2] {
        drop(self.leaky);
        [self.probed, self.shared]
    }
}

/// Checks that a container of plain runc is named by its id.
pub(super) fn stands_alone(
    containerd: &Containerd,
    program: &Path,
    agent: &Agent,
    timeline: &Timeline,
) -> Result<()> {
    let plain = Plain::start(containerd.folder(), program, "leaky")?;
    let culprit = culprit(agent, |container| container["id"] == plain.id())?;
    let container = &culprit["container"];
    ensure!(container["pod"].is_null(), "it is in no pod: {container}");
    timeline.print(&format!(
        "culprits: a container of plain runc by its id, {}…, {VERDICT}",
        &plain.id()[..12]
    ));
    Ok(())
}

/// A container that is killed while it leaks, and a pod that is deleted while it has zombies: both
/// must be reported and then disappear.
pub(super) fn kill_and_delete(
    containerd: &Containerd,
    agent: &Agent,
    timeline: &Timeline,
) -> Result<()> {
    let killed = Pod::start(containerd, NAMESPACE, "killed-0", mode::CONTAINER)?;
    let container = killed.run_part(APP, "leaky")?;
    let zombies = wait_for_zombies(agent, "killed-0", APP, ORPHANS)?;
    containerd.cri().kill(&container)?;
    wait_for_end(agent, "killed-0")?;
    let of = labels("killed-0", APP);
    let killed_exits = [&of[..], &[("kind", "killed")]].concat();
    wait_for("its killed PID 1", || {
        let page = agent.get("/metrics")?;
        let count = metric(&page, "reapwatch_exits_total", &killed_exits);
        Ok(count.filter(|count| *count >= 1.0))
    })?;
    timeline.print(&format!(
        "shop/killed-0/{APP} is killed with {zombies} zombies: none is left, one killed is counted"
    ));
    drop(killed);

    let deleted = Pod::start(containerd, NAMESPACE, "deleted-0", mode::CONTAINER)?;
    deleted.run_part(APP, "leaky")?;
    let zombies = wait_for_zombies(agent, "deleted-0", APP, ORPHANS)?;
    drop(deleted);
    wait_for_end(agent, "deleted-0")?;
    let page = agent.get("/metrics")?;
    let exits = metric(&page, "reapwatch_exits_total", &labels("deleted-0", APP));
    let exits = exits.context("a pod that is gone has no exits")?;
    ensure!(exits >= zombies, "only {exits} exits of shop/deleted-0");
    timeline.print(&format!(
        "shop/deleted-0 is deleted with {zombies} zombies: none is left, its exits stay counted"
    ));
    Ok(())
}

pub(super) fn labels<'a>(pod: &'a str, container: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("namespace", NAMESPACE),
        ("pod", pod),
        ("container", container),
    ]
}

/// Waits until a container has this many; returns how many it has then.
fn wait_for_zombies(agent: &Agent, pod: &str, container: &str, least: f64) -> Result<f64> {
    let labels = labels(pod, container);
    wait_for(&format!("zombies of {pod}"), || {
        let page = agent.get("/metrics")?;
        let count = metric(&page, "reapwatch_zombies", &labels);
        Ok(count.filter(|count| *count >= least))
    })
}

fn wait_for_end(agent: &Agent, pod: &str) -> Result<()> {
    let labels = labels(pod, APP);
    wait_for(&format!("the end of the zombies of {pod}"), || {
        let page = agent.get("/metrics")?;
        let count = metric(&page, "reapwatch_zombies", &labels);
        let accused = agent.culprit(|item| item["container"]["pod"] == pod)?;
        Ok((count.unwrap_or(0.0) == 0.0 && accused.is_none()).then_some(()))
    })
}

fn culprit(agent: &Agent, of: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_for("a culprit", || {
        agent.culprit(|item| of(&item["container"]) && item["verdict"]["id"] == VERDICT)
    })
    .with_context(|| agent.get("/api/v1/culprits").unwrap_or_default())
}

/// Waits until the pause process of a pod is a culprit under the pod's name.
fn wait_for_pause(agent: &Agent, pod: &Pod) -> Result<()> {
    let pause = culprit(agent, |container| {
        container["pod_uid"] == pod.uid() && container["pod"] == "shared-0"
    })?;
    ensure!(
        pause["process"]["comm"] == "pause" && pause["container"]["namespace"] == NAMESPACE,
        "{pause}"
    );
    Ok(())
}

fn wait_for<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until(what, LONG, ask)
}
