//! etcd, API server, controller manager and scheduler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::daemon::Daemon;
use super::kubectl::{self, ADMIN};
use super::namespaces::{FILES, PROGRAMS, file};
use super::network::{API_SERVER, CONTROL_PLANE, SERVICES};
use crate::stop::until;

const LONG: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(super) struct ControlPlane {
    etcd: Daemon,
    api_server: Daemon,
    others: [Daemon; 2],
}

impl ControlPlane {
    /// Starts all of it, for these nodes, and waits until it answers.
    pub(super) fn start(nodes: &[String]) -> Result<Self> {
        write_tokens(nodes)?;
        let etcd = Daemon::start("etcd", &mut etcd())?;
        let api_server = Daemon::start("kube-apiserver", &mut api_server())?;
        let mut starting = [etcd, api_server];
        wait_for_api_server(&mut starting)?;
        let [etcd, api_server] = starting;
        let others = [
            Daemon::start("kube-controller-manager", &mut controller_manager())?,
            Daemon::start("kube-scheduler", &mut scheduler())?,
        ];
        Ok(Self {
            etcd,
            api_server,
            others,
        })
    }

    /// Fails if a part of it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        let front = [&mut self.etcd, &mut self.api_server].into_iter();
        front.chain(&mut self.others).try_for_each(Daemon::check)
    }

    /// Kills the API server.
    pub(super) fn kill_api_server(&mut self) -> Result<()> {
        self.api_server.kill()
    }

    /// Starts it again.
    pub(super) fn restart_api_server(&mut self) -> Result<()> {
        self.api_server = Daemon::start("kube-apiserver-again", &mut api_server())?;
        wait_for_api_server([&mut self.api_server])
    }
}

/// The file with which a user talks to the API server.
pub(super) fn config_of(user: &str) -> Result<PathBuf> {
    config(user, &format!("https://{API_SERVER}"), &token_of(user))
}

/// A file of this name with which a token is shown to a server.
pub(super) fn config(name: &str, server: &str, token: &str) -> Result<PathBuf> {
    let path = file(&format!("{name}.conf"));
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {
            "server": server,
            "certificate-authority": certificate(),
        }}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        "current-context": "test",
    });
    fs::write(&path, config.to_string()).context("write the configuration of a user")?;
    Ok(path)
}

/// The certificate of the API server, which it signs itself.
pub(super) fn certificate() -> String {
    format!("{FILES}/pki/apiserver.crt")
}

/// The token of a user. Nobody outside of the cluster's network can use it.
pub(super) fn token_of(user: &str) -> String {
    format!("token-of-{user}")
}

/// A user who may do nothing.
pub(super) const STRANGER: &str = "stranger";

fn write_tokens(nodes: &[String]) -> Result<()> {
    let admin = format!("{},{ADMIN},{ADMIN},system:masters\n", token_of(ADMIN));
    let kubelets = nodes.iter().map(|node| {
        let token = token_of(node);
        format!("{token},system:node:{node},{node},system:nodes\n")
    });
    let stranger = format!("{},{STRANGER},{STRANGER}\n", token_of(STRANGER));
    let lines: String = [admin, stranger].into_iter().chain(kubelets).collect();
    fs::write(file("tokens.csv"), lines).context("write the tokens of users")?;
    config_of(ADMIN).map(drop)
}

fn etcd() -> Command {
    let mut command = program("etcd");
    command
        .args(["--data-dir", &format!("{FILES}/etcd")])
        .args(["--listen-client-urls", "http://127.0.0.1:2379"])
        .args(["--advertise-client-urls", "http://127.0.0.1:2379"])
        .args(["--listen-peer-urls", "http://127.0.0.1:2380"])
        .args(["--log-level", "warn"]);
    command
}

fn api_server() -> Command {
    let mut command = program("kube-apiserver");
    command
        .arg("--etcd-servers=http://127.0.0.1:2379")
        .args(["--bind-address=0.0.0.0", "--secure-port=443"])
        .arg("--insecure-port=0")
        .arg(format!("--advertise-address={CONTROL_PLANE}"))
        .arg(format!("--cert-dir={FILES}/pki"))
        .arg(format!("--service-account-key-file={}", key()))
        .arg(format!("--service-account-signing-key-file={}", key()))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--token-auth-file={FILES}/tokens.csv"))
        .arg("--authorization-mode=Node,RBAC")
        .arg("--enable-admission-plugins=NodeRestriction")
        .arg(format!("--service-cluster-ip-range={SERVICES}"))
        .arg("--allow-privileged")
        .arg("--kubelet-preferred-address-types=InternalIP");
    command
}

fn controller_manager() -> Command {
    let mut command = program("kube-controller-manager");
    command
        .arg(format!("--kubeconfig={FILES}/{ADMIN}.conf"))
        .arg(format!("--service-account-private-key-file={}", key()))
        .arg(format!("--root-ca-file={}", certificate()))
        .args(["--leader-elect=false", "--port=0"]);
    command
}

fn scheduler() -> Command {
    let mut command = program("kube-scheduler");
    command
        .arg(format!("--kubeconfig={FILES}/{ADMIN}.conf"))
        .args(["--leader-elect=false", "--port=0"]);
    command
}

/// The key with which tokens of service accounts are signed; the API server makes it.
fn key() -> String {
    format!("{FILES}/pki/apiserver.key")
}

/// A program of Kubernetes.
pub(super) fn program(name: &str) -> Command {
    Command::new(Path::new(PROGRAMS).join("usr/bin").join(name))
}

fn wait_for_api_server<'a>(daemons: impl IntoIterator<Item = &'a mut Daemon>) -> Result<()> {
    let mut daemons: Vec<_> = daemons.into_iter().collect();
    until("the API server", LONG, || {
        daemons.iter_mut().try_for_each(|daemon| daemon.check())?;
        Ok(kubectl::try_run(&["get", "--raw", "/readyz"]).ok())
    })?;
    Ok(())
}
