//! A container of plain runc, unknown to any container runtime.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::json;

use crate::sidecar::sha256;

/// Removed on drop.
pub(super) struct Plain {
    id: String,
    states: PathBuf,
    runc: Child,
}

impl Plain {
    /// One in this folder, whose PID 1 runs a part of `scenarios pod`.
    pub(super) fn start(folder: &Path, scenarios: &Path, part: &str) -> Result<Self> {
        let (bundle, states) = (folder.join("bundle"), folder.join("runc-plain"));
        let root = bundle.join("root");
        for below in ["proc", "tmp"] {
            fs::create_dir_all(root.join(below)).context("make the root of a container")?;
        }
        let program = root.join("scenarios");
        fs::copy(scenarios, &program).context("copy its program")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let config = json!({
            "ociVersion": "1.0.2",
            "root": { "path": "root" },
            "process": {
                "user": { "uid": 0, "gid": 0 },
                "args": ["/scenarios", "pod", part],
                "cwd": "/",
            },
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" },
            ],
            "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }] },
        });
        fs::write(bundle.join("config.json"), config.to_string()).context("write its bundle")?;
        // Named like those of docker and others.
        let id = sha256(std::process::id().to_string().as_bytes());
        let mut run = runc(&states);
        run.arg("run").arg("--bundle").arg(&bundle).arg(&id);
        let runc = run.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self {
            id,
            states,
            runc: runc.context("run runc")?,
        })
    }

    /// Its name, and its only one.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let mut delete = runc(&self.states);
        let deleted = delete.args(["delete", "--force", &self.id]).status();
        if !deleted.is_ok_and(|status| status.success()) {
            eprintln!("cannot remove the container {}", self.id);
        }
        let _gone = self.runc.wait();
    }
}

fn runc(states: &Path) -> Command {
    let mut command = Command::new("runc");
    command.arg("--root").arg(states);
    command
}
