//! The real kubectl, as an administrator would use it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::namespaces::file;
use crate::shell;

/// The user that may do everything.
pub(super) const ADMIN: &str = "admin";
/// The namespace of all pods but the agents.
const SHOP: &str = "--namespace=shop";

/// A command of it.
pub(super) fn command(words: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command
        .args(words)
        .env("KUBECONFIG", file(&format!("{ADMIN}.conf")))
        // Where it keeps what it learned of the API server.
        .env("HOME", file("home"))
        .stdin(Stdio::null());
    command
}

/// Its output; the error has what it printed to stderr.
pub(super) fn try_run(words: &[&str]) -> Result<String> {
    finished(&mut command(words))
}

/// The output of a command, which must succeed.
pub(super) fn finished(command: &mut Command) -> Result<String> {
    let name = shell::display(command);
    let output = command.output().with_context(|| format!("run `{name}`"))?;
    text_of(&name, output)
}

/// Applies some documents.
pub(super) fn apply(documents: &str) -> Result<()> {
    give(&["apply", "--server-side", "--filename", "-"], documents)
}

/// Fails if some documents could not be applied. Changes nothing.
pub(super) fn validate(documents: &str) -> Result<()> {
    let words = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--filename",
        "-",
    ];
    give(&words, documents)
}

/// Runs a command with some documents as its input.
fn give(words: &[&str], documents: &str) -> Result<()> {
    let mut child = command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("run kubectl")?;
    let mut input = child.stdin.take().context("kubectl has no input")?;
    input
        .write_all(documents.as_bytes())
        .context("write to kubectl")?;
    drop(input);
    text_of("kubectl apply", child.wait_with_output()?).map(drop)
}

/// Objects as JSON: `words` is what follows `kubectl get`.
pub(super) fn get(words: &[&str]) -> Result<Value> {
    let words = [&["get", "--output", "json"], words].concat();
    serde_json::from_str(&try_run(&words)?).context("parse the output of kubectl")
}

/// Waits until a pod of the shop is ready.
pub(super) fn wait_until_ready(pod: &str) -> Result<()> {
    let pod = format!("pod/{pod}");
    let words = ["wait", "--for=condition=Ready", &pod, "--timeout=60s", SHOP];
    try_run(&words).map(drop)
}

/// Deletes a pod of the shop, without waiting for its end.
pub(super) fn delete(pod: &str) -> Result<()> {
    try_run(&["delete", "pod", pod, SHOP, "--wait=false"]).map(drop)
}

fn text_of(name: &str, output: Output) -> Result<String> {
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{name}` failed ({}): {}", output.status, errors.trim());
    }
    String::from_utf8(output.stdout).context("read the output of kubectl")
}
