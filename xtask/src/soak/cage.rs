//! A cgroup with the memory limit of the manifest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Removed on drop.
#[derive(Debug)]
pub(super) struct Cage {
    folder: PathBuf,
    /// Counts kills.
    events: &'static str,
}

impl Cage {
    pub(super) fn new() -> Result<Self> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let (root, limit, events) = if v1.exists() {
            (v1, "memory.limit_in_bytes", "memory.oom_control")
        } else {
            let root = Path::new("/sys/fs/cgroup");
            let control = root.join("cgroup.subtree_control");
            fs::write(control, "+memory").context("turn on the memory controller")?;
            (root, "memory.max", "memory.events")
        };
        let folder = root.join(format!("reapwatch-soak-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        let cage = Self { folder, events };
        let bytes = limit_bytes().context("no memory limit in the manifest")?;
        fs::write(cage.folder.join(limit), bytes.to_string()).context("set the memory limit")?;
        Ok(cage)
    }

    /// What the shell does to enter it.
    pub(super) fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.folder.display())
    }

    /// How often the OOM killer ran in it.
    pub(super) fn kills(&self) -> Result<u64> {
        let file = self.folder.join(self.events);
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let mut lines = text.lines();
        let kills = lines.find_map(|line| line.strip_prefix("oom_kill "));
        kills
            .and_then(|kills| kills.parse().ok())
            .context("no count of kills")
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _busy_or_gone = fs::remove_dir(&self.folder);
    }
}

fn limit_bytes() -> Option<u64> {
    let manifest = include_str!("../../../deploy/kubernetes/base/daemon-set.yaml");
    let (_, limits) = manifest.split_once("limits:")?;
    let (_, memory) = limits.split_once("memory: ")?;
    let (mebibytes, _) = memory.split_once("Mi")?;
    Some(mebibytes.parse::<u64>().ok()? << 20)
}
