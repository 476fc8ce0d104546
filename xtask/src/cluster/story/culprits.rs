//! Pods whose processes do not reap, for the reasons that people report most often: each must be
//! named with its verdict by the agent of its node.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{NODES, soon};
use crate::cluster::{agents, kubectl, timeline::Timeline};

const PODS: &str = include_str!("culprits.yaml");

/// A pod of the YAML file, and what must be said of it.
struct Case {
    pod: &'static str,
    /// `None` if it is the process that keeps the namespaces of the pod.
    container: Option<&'static str>,
    comm: &'static str,
    verdict: &'static str,
    story: &'static str,
}

const LEAKY: Case = Case {
    pod: "leaky",
    container: Some("app"),
    comm: "leaky",
    verdict: "init_without_reaping",
    story: "its PID 1 does not reap what its scripts leave",
};

const CASES: [Case; 4] = [
    LEAKY,
    Case {
        pod: "probed",
        container: Some("app"),
        comm: "scenarios",
        verdict: "init_without_reaping",
        story: "its exec probe times out, and the probe's child is left to PID 1",
    },
    Case {
        pod: "entered",
        container: Some("app"),
        comm: "scenarios",
        verdict: "forked_before_exec",
        story: "its entrypoint starts helpers and execs",
    },
    Case {
        pod: "shared",
        container: None,
        comm: "pause",
        verdict: "init_without_reaping",
        story: "its processes are shared, and a sidecar leaves three to the pause process",
    },
];

/// Starts all of them.
pub(super) fn begin(timeline: &Timeline) -> Result<()> {
    kubectl::apply(PODS)?;
    for case in CASES {
        timeline.print(&format!("shop/{}: {}", case.pod, case.story));
    }
    Ok(())
}

/// Waits until each has its verdict.
pub(super) fn are_named(timeline: &Timeline) -> Result<()> {
    for case in &CASES {
        let row = case.row()?;
        let verdict = &row["verdict"]["summary"];
        timeline.print(&format!(
            "culprits: shop/{}/{}, {}: {}",
            case.pod,
            case.container.unwrap_or("pause"),
            case.verdict,
            verdict.as_str().unwrap_or_default()
        ));
    }
    let top = agents::view(NODES[0], &["top", "-b", "-n", "1"])?;
    ensure!(top.contains("leaky"), "top prints: {top}");
    Ok(())
}

/// Waits until those whose zombies do not change have their verdicts, from agents that have just
/// started.
pub(super) fn are_named_again() -> Result<()> {
    CASES[2..].iter().try_for_each(|case| case.row().map(drop))
}

/// Starts another pod like the first, and waits until it has its verdict.
pub(super) fn another_is_named(pod: &'static str) -> Result<()> {
    let words = [
        "run",
        pod,
        "--image=registry.example/scenarios:1",
        "--namespace=shop",
    ];
    let node = r#"--overrides={"spec":{"nodeName":"node-1"}}"#;
    kubectl::try_run(&[&words[..], &[node, "--", "pod", "leaky"]].concat())?;
    let container = Some(pod);
    let case = Case {
        pod,
        container,
        ..LEAKY
    };
    case.row().map(drop)
}

impl Case {
    fn row(&self) -> Result<Value> {
        soon(&format!("the culprit shop/{}", self.pod), || {
            let rows = agents::rows(NODES[0], "culprits")?;
            Ok(rows.into_iter().find(|row| self.is(row)))
        })
    }

    fn is(&self, row: &Value) -> bool {
        let container = &row["container"];
        container["namespace"] == "shop"
            && container["pod"] == self.pod
            && container["name"].as_str() == self.container
            && row["process"]["comm"] == self.comm
            && row["verdict"]["id"] == self.verdict
    }
}
