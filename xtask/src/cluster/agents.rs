//! The agents of the nodes, asked as a user asks them: with kubectl-reapwatch, which runs a view
//! in the agent's pod, and by their pages of metrics.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::kubectl::{self, ADMIN};
use super::namespaces::file;
use crate::process::{self, Process};
use crate::workspace;

const NAMESPACE: &str = "--namespace=reapwatch";
const AGENTS: &str = "--selector=app.kubernetes.io/name=reapwatch";

/// `kubectl reapwatch`.
pub(super) fn plugin(words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .arg(workspace::root().join("deploy/kubectl-reapwatch"))
        .args(words)
        .env("KUBECONFIG", file(&format!("{ADMIN}.conf")))
        .env("HOME", file("home"));
    command.stdin(std::process::Stdio::null());
    command
}

/// The output of a view on a node.
pub(super) fn view(node: &str, words: &[&str]) -> Result<String> {
    kubectl::finished(&mut plugin(&[&["--node", node], words].concat()))
}

/// The rows of a view on a node.
pub(super) fn rows(node: &str, view_name: &str) -> Result<Vec<Value>> {
    let text = view(node, &[view_name, "--json"])?;
    let mut document: Value = serde_json::from_str(&text).context("parse a view")?;
    let rows = document["items"].as_array_mut().map(std::mem::take);
    rows.with_context(|| format!("{view_name} has no rows: {text}"))
}

/// The pod of the agent on a node.
pub(super) fn pod_on(node: &str) -> Result<Value> {
    let mut list = kubectl::get(&["pods", NAMESPACE, AGENTS])?;
    let pods = list["items"].as_array_mut().context("no list of pods")?;
    let here = |pod: &&mut Value| {
        pod["spec"]["nodeName"] == node && pod["metadata"]["deletionTimestamp"].is_null()
    };
    let pod = pods.iter_mut().find(here).map(Value::take);
    pod.with_context(|| format!("no agent on {node}"))
}

/// The PID of the agent on a node.
pub(super) fn process_on(node: &str) -> Result<u32> {
    let pod = pod_on(node)?;
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str();
    let (_, id) = id
        .and_then(|id| id.split_once("://"))
        .context("no container")?;
    let is_agent = |process: &Process| {
        let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", process.pid));
        process.comm == "reapwatch" && cgroup.is_ok_and(|text| text.contains(id))
    };
    let found = process::all().into_iter().find(is_agent);
    Ok(found
        .with_context(|| format!("no process of the agent on {node}"))?
        .pid)
}

/// The privileges of the agent on a node in one line, which must be those of its DaemonSet.
pub(super) fn privileges_on(node: &str) -> Result<String> {
    let pod = pod_on(node)?;
    let given = &pod["spec"]["containers"][0]["securityContext"]["capabilities"]["add"];
    let given = given.as_array().map_or(0, Vec::len);
    let status = fs::read_to_string(format!("/proc/{}/status", process_on(node)?))?;
    let field = |name: &str| {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        line.with_context(|| format!("its status has no {name}"))
    };
    let bits = |name| anyhow::Ok(u64::from_str_radix(field(name)?, 16)?.count_ones());
    let (may, has) = (bits("CapBnd")?, bits("CapEff")?);
    ensure!(
        may as usize == given,
        "it may have {may} capabilities, not {given}"
    );
    ensure!(field("NoNewPrivs")? == "1", "it may gain privileges");
    ensure!(field("Seccomp")? == "2", "it has no seccomp filter");
    Ok(format!(
        "{may} capabilities given, {has} kept, no new privileges, seccomp"
    ))
}

/// The page of metrics of the agent on a node, by way of the API server.
pub(super) fn metrics(node: &str) -> Result<String> {
    let pod = pod_on(node)?;
    let name = pod["metadata"]["name"].as_str().context("no name")?;
    let path = format!("/api/v1/namespaces/reapwatch/pods/{name}:9991/proxy/metrics");
    kubectl::try_run(&["get", "--raw", &path])
}
