//! Cgroups of version 1 and 2 that keep a process from running, removed when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A cgroup of our own with one process.
#[derive(Debug)]
pub(super) struct Cgroup {
    folder: PathBuf,
    /// The file and the text that let the process run again.
    release: (&'static str, &'static str),
    /// Where its hierarchy was mounted for it alone.
    mounted: Option<TempDir>,
}

impl Cgroup {
    pub(super) fn frozen_v1(pid: Pid) -> Result<Self> {
        let release = ("freezer.state", "THAWED");
        let cgroup = match hierarchy("freezer") {
            Some(root) => Self::new(&root, pid, release)?,
            None => Self::in_mounted_freezer(pid, release)?,
        };
        cgroup.write("freezer.state", "FROZEN")?;
        Ok(cgroup)
    }

    pub(super) fn frozen_v2(pid: Pid) -> Result<Self> {
        let root = hierarchy("cgroup2").context("cgroups of version 2 are not mounted")?;
        let cgroup = Self::new(&root, pid, ("cgroup.freeze", "0"))?;
        cgroup.write("cgroup.freeze", "1")?;
        Ok(cgroup)
    }

    /// One thousandth of a CPU: 1 ms in each second.
    pub(super) fn without_cpu(pid: Pid) -> Result<Self> {
        if let Some(root) = hierarchy("cpu") {
            let cgroup = Self::new(&root, pid, ("cpu.cfs_quota_us", "-1"))?;
            cgroup.write("cpu.cfs_period_us", "1000000")?;
            cgroup.write("cpu.cfs_quota_us", "1000")?;
            return Ok(cgroup);
        }
        let root = hierarchy("cgroup2").context("no hierarchy for cpu is mounted")?;
        fs::write(root.join("cgroup.subtree_control"), "+cpu").context("no cpu controller")?;
        let cgroup = Self::new(&root, pid, ("cpu.max", "max"))?;
        cgroup.write("cpu.max", "1000 1000000")?;
        Ok(cgroup)
    }

    /// Hosts of today mount version 2 only, and have the old freezer still.
    fn in_mounted_freezer(pid: Pid, release: (&'static str, &'static str)) -> Result<Self> {
        let point = tempfile::tempdir().context("cannot make a folder")?;
        let (kind, options) = (Some("cgroup"), Some("freezer"));
        mount(kind, point.path(), kind, MsFlags::empty(), options)
            .context("cannot mount a freezer of version 1")?;
        let root = hierarchy("freezer").context("it is mounted")?;
        let mut cgroup = Self::new(&root, pid, release)?;
        cgroup.mounted = Some(point);
        Ok(cgroup)
    }

    fn new(root: &Path, pid: Pid, release: (&'static str, &'static str)) -> Result<Self> {
        let folder = root.join(format!("reapwatch-scenario-{pid}"));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let cgroup = Self {
            folder,
            release,
            mounted: None,
        };
        cgroup.write("cgroup.procs", &pid.to_string())?;
        Ok(cgroup)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write to {}", path.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let (file, text) = self.release;
        let released = self.write(file, text);
        let procs = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let out = self.folder.with_file_name("cgroup.procs");
        for pid in procs.lines() {
            // One that has ended meanwhile is out as well.
            let _gone = fs::write(&out, pid);
        }
        let removed = (0..100).any(|_| {
            let removed = fs::remove_dir(&self.folder).is_ok();
            if !removed {
                std::thread::sleep(Duration::from_millis(10));
            }
            removed
        });
        if !removed {
            eprintln!("scenarios: {} stays ({released:?})", self.folder.display());
        }
        if let Some(point) = &self.mounted
            && let Err(error) = umount2(point.path(), MntFlags::MNT_DETACH)
        {
            eprintln!("scenarios: {} stays ({error})", point.path().display());
        }
    }
}

/// Where the hierarchy of a v1 controller is mounted, or that of version 2 (`cgroup2`).
fn hierarchy(kind: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let hit =
            words[2] == kind || words[2] == "cgroup" && words[3].split(',').any(|it| it == kind);
        hit.then(|| PathBuf::from(words[1]))
    })
}
