//! A container of plain runc, which no container runtime and no API server knows: it is named by
//! its id.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{NODES, soon};
use crate::cluster::daemon::Daemon;
use crate::cluster::namespaces::file;
use crate::cluster::{agents, timeline::Timeline};
use crate::sidecar::sha256;

/// Starts it, below the cgroup of the cluster, and waits until the agent has its verdict.
pub(super) fn is_named_by_id(cgroup: &str, timeline: &Timeline) -> Result<()> {
    let bundle = file("bundle");
    let root = bundle.join("root");
    for below in ["proc", "tmp"] {
        fs::create_dir_all(root.join(below)).context("make the root of a container")?;
    }
    let program = root.join("scenarios");
    fs::copy(file("bin/scenarios"), &program).context("copy its program")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    // Named like those of docker and others.
    let id = sha256(cgroup.as_bytes());
    let config = json!({
        "ociVersion": "1.0.2",
        "root": { "path": "root" },
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "args": ["/scenarios", "pod", "leaky"],
            "cwd": "/",
        },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" },
        ],
        "linux": {
            "cgroupsPath": format!("/{cgroup}/plain/{id}"),
            "namespaces": [{ "type": "pid" }, { "type": "mount" }],
        },
    });
    fs::write(bundle.join("config.json"), config.to_string()).context("write its bundle")?;
    let states = file("runc");
    let runc = || {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(&states);
        runc
    };
    let mut run = runc();
    run.arg("run").arg("--bundle").arg(&bundle).arg(&id);
    let mut container = Daemon::start("runc", &mut run)?;
    let row = soon("the culprit in plain runc", || {
        container.check()?;
        let rows = agents::rows(NODES[0], "culprits")?;
        let mut rows = rows.into_iter();
        Ok(rows.find(|row| row["container"]["id"] == *id && row["verdict"].is_object()))
    })?;
    let verdict = &row["verdict"]["id"];
    ensure!(
        verdict == "init_without_reaping",
        "its verdict is {verdict}"
    );
    ensure!(row["container"]["pod"].is_null(), "it is in no pod: {row}");
    let start = &id[..12];
    timeline.print(&format!(
        "culprits: a container of plain runc by its id, {start}"
    ));
    ensure!(
        runc().args(["delete", "--force", &id]).status()?.success(),
        "the container of plain runc stays"
    );
    Ok(())
}
