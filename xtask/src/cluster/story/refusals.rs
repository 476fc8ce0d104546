//! Wrong inputs of those who ask the agents: the answer to each is one sentence that names the
//! problem and what to do about it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{node, soon};
use crate::cluster::control_plane::{STRANGER, config, config_of, token_of};
use crate::cluster::kubectl::{self, ADMIN};
use crate::cluster::network::API_SERVER;
use crate::cluster::{agents, timeline::Timeline};
use crate::prometheus::server::Prometheus;
use crate::shell;

/// A host that no resolver knows.
const NO_HOST: &str = "no-such-host.invalid";

/// A command, and words of its answer: of the problem, and of what to do.
type Case = (Command, [&'static str; 2]);

/// Starts agents that cannot run.
pub(super) fn begin() -> Result<()> {
    kubectl::apply(include_str!("refusals.yaml"))
}

/// Gives the wrong inputs, and checks the answers.
pub(super) fn are_sentences(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    soon("the end of an agent with a wrong option", || {
        let pod = kubectl::get(&["pod", "wrong-option", "--namespace=broken"])?;
        Ok((pod["status"]["phase"] == "Failed").then_some(()))
    })?;
    timeline.print("wrong inputs, and the answers:");
    let plugin = in_kubectl().into_iter().chain(in_configs()?);
    let mut wrong = Vec::new();
    for (mut command, says) in plugin.chain(in_views(&prometheus.url())) {
        let (answer, is_sentence) = answer(&mut command)?;
        println!("          {answer}");
        if !is_sentence || !says.iter().all(|words| answer.contains(words)) {
            wrong.push((says, answer));
        }
    }
    ensure!(wrong.is_empty(), "expected, and answered: {wrong:#?}");
    Ok(())
}

/// Nodes, namespaces and pods without a working agent.
fn in_kubectl() -> Vec<Case> {
    let cases = [
        (
            &["culprits"][..],
            ["several agents run", "kubectl get nodes"],
        ),
        (
            &["--node=nope", "culprits"],
            ["no node nope", "kubectl get nodes"],
        ),
        (
            &["--namespace=shop", "culprits"],
            ["no agent runs in namespace shop", "-n"],
        ),
        (
            &["--namespace=nope", "--node=node-1", "culprits"],
            ["no agent runs on node node-1 in namespace nope", "-n"],
        ),
        (
            &["--pod=nope", "culprits"],
            ["\"nope\" not found", "kubectl get pods"],
        ),
        (
            &["--namespace=broken", "--node=node-1", "culprits"],
            ["does not run (ErrImageNeverPull)", "kubectl describe pod"],
        ),
        (
            &["--namespace=broken", "--pod=wrong-option", "culprits"],
            ["does not run (Error)", "kubectl describe pod"],
        ),
        (
            &["--context=nope", "culprits"],
            ["\"nope\"", "kubectl config get-contexts"],
        ),
        (
            &["--kubeconfig=/nope", "culprits"],
            ["/nope", "set --kubeconfig"],
        ),
    ];
    let commands = cases.into_iter();
    commands
        .map(|(words, says)| (agents::plugin(words), says))
        .collect()
}

/// API servers that cannot be reached, or that refuse.
fn in_configs() -> Result<Vec<Case>> {
    let admin = token_of(ADMIN);
    let server = format!("https://{API_SERVER}");
    let configs = [
        (
            config("closed", &format!("{server}:1"), &admin)?,
            ["refused", "--kubeconfig"],
        ),
        (
            config("unknown", &format!("https://{NO_HOST}"), &admin)?,
            [NO_HOST, "--kubeconfig"],
        ),
        (
            config("rejected", &server, "wrong")?,
            ["Unauthorized", "log in"],
        ),
        (config_of(STRANGER)?, ["cannot list", "get permission"]),
    ];
    let commands = configs.into_iter().map(|(config, says)| {
        let mut plugin = agents::plugin(&["culprits"]);
        plugin.env("KUBECONFIG", config);
        (plugin, says)
    });
    Ok(commands.collect())
}

/// Servers that are no Prometheus, and agents that are not there.
fn in_views(prometheus: &str) -> Vec<Case> {
    let cases = [
        ("--prometheus", "http://127.0.0.1:1", ["refused", "check"]),
        (
            "--prometheus",
            "http://no-such-host.invalid:9090",
            [NO_HOST, "check"],
        ),
        (
            "--prometheus",
            &format!("{prometheus}/nope"),
            ["404", "pass the URL"],
        ),
        (
            "--prometheus",
            &format!("https://{API_SERVER}"),
            ["certificate", "--ca-file"],
        ),
        (
            "--url",
            "http://no-such-host.invalid:9991",
            [NO_HOST, "correct --url"],
        ),
    ];
    let commands = cases.into_iter().map(|(option, url, says)| {
        let mut culprits = Command::new(node::program());
        culprits.args(["culprits", option, url]);
        (culprits, says)
    });
    commands.collect()
}

/// What a command prints, and whether it fails with one sentence.
fn answer(command: &mut Command) -> Result<(String, bool)> {
    let name = shell::display(command);
    let output = command.output().with_context(|| format!("run `{name}`"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    // Which source is read is no part of the answer.
    let lines = text.lines().filter(|line| !line.contains("reading from"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let is_alone = output.stdout.is_empty() && text.lines().count() == 1;
    let is_sentence = !output.status.success() && is_alone && text.matches("os error").count() < 2;
    Ok((text, is_sentence))
}
