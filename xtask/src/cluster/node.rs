//! A node: containerd and kubelet, in a network and with mounts of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::control_plane::{config_of, program};
use super::daemon::Daemon;
use super::images::PAUSE;
use super::namespaces::{PROGRAMS, enter_node, file};
use super::network;
use crate::shell;
use crate::stop::until;

/// How long containerd may take to answer.
const LONG: Duration = Duration::from_secs(60);
/// How many processes a pod may have.
pub(super) const PIDS: u32 = 150;

#[derive(Debug)]
pub(super) struct Node {
    containerd: Daemon,
    kubelet: Daemon,
}

/// The name of a node.
pub(super) fn name_of(number: u8) -> String {
    format!("node-{number}")
}

impl Node {
    /// Starts one with these images; its pods are in cgroups below this one.
    pub(super) fn start(number: u8, cgroup: &str, images: &[PathBuf]) -> Result<Self> {
        let inside = || start(number, cgroup, images);
        // Namespaces are those of a thread, and of what it starts.
        let node = thread::scope(|scope| scope.spawn(inside).join());
        let node = node.ok().context("the thread of a node panicked")??;
        network::join(number)?;
        Ok(node)
    }

    /// Fails if a part of it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.containerd.check()?;
        self.kubelet.check()
    }
}

/// In a thread of its own.
fn start(number: u8, cgroup: &str, images: &[PathBuf]) -> Result<Node> {
    let name = name_of(number);
    let folder = file(&name);
    fs::create_dir(&folder).context("make the folder of the node")?;
    let config = folder.join("containerd.toml");
    fs::write(&config, containerd_config(&folder)).context("configure containerd")?;
    fs::create_dir(folder.join("cni")).context("make the folder for CNI")?;
    let plugins = cni_config(number).to_string();
    fs::write(folder.join("cni/10-pods.conflist"), plugins).context("configure CNI")?;
    let kubelet = folder.join("kubelet.json");
    let cgroup = format!("/{cgroup}/{name}");
    fs::write(&kubelet, kubelet_config(&cgroup).to_string()).context("configure kubelet")?;
    let resolver = format!("nameserver {}\n", network::DNS);
    fs::write(file("resolv.conf"), resolver).context("write resolv.conf")?;

    enter_node(&folder)?;
    network::of_node(number)?;
    let mut command = Command::new("containerd");
    command.arg("--config").arg(&config);
    let mut containerd = Daemon::start(&format!("containerd-{number}"), &mut command)?;
    until("containerd", LONG, || {
        containerd.check()?;
        let mut version = Command::new("ctr");
        Ok(shell::is_success(version.arg("version")).then_some(()))
    })?;
    for image in images {
        let mut ctr = Command::new("ctr");
        ctr.args(["--namespace", "k8s.io", "images", "import"]);
        shell::read(ctr.arg(image))?;
    }
    let mut command = program("kubelet");
    command
        .arg("--kubeconfig")
        .arg(config_of(&name)?)
        .arg("--config")
        .arg(&kubelet)
        .arg(format!("--hostname-override={name}"))
        .arg(format!("--node-ip={}", network::address(number)))
        .arg("--container-runtime=remote")
        .arg("--container-runtime-endpoint=unix:///run/containerd/containerd.sock");
    let kubelet = Daemon::start(&format!("kubelet-{number}"), &mut command)?;
    Ok(Node {
        containerd,
        kubelet,
    })
}

fn containerd_config(folder: &Path) -> String {
    let cni = folder.join("cni");
    let cni = cni.display();
    format!(
        r#"version = 2
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # The score of a pod may be lower than that of this machine's processes, which takes a right.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PROGRAMS}/usr/lib/cni"
    conf_dir = "{cni}"
"#
    )
}

fn cni_config(number: u8) -> serde_json::Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods",
            "isGateway": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": network::pods(number)}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": "/run/cni",
            },
        }],
    })
}

fn kubelet_config(cgroup: &str) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // Only the API server can reach it.
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [network::DNS],
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "podPidsLimit": PIDS,
        "resolvConf": file("resolv.conf"),
        // The machine may be nearly full.
        "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%"},
        "serializeImagePulls": false,
    })
}
