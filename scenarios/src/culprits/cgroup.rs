//! Cgroups of version 1 and 2 that keep a process from running, removed when dropped.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// A cgroup of our own with one process.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    /// The file and the text that let the process run again.
    release: (&'static str, &'static str),
}

impl Cgroup {
    pub(crate) fn frozen_v1(pid: Pid) -> Result<Self> {
        let cgroup = Self::new("freezer", pid, ("freezer.state", "THAWED"))?;
        cgroup.write("freezer.state", "FROZEN")?;
        Ok(cgroup)
    }

    pub(super) fn frozen_v2(pid: Pid) -> Result<Self> {
        let cgroup = Self::new("cgroup2", pid, ("cgroup.freeze", "0"))?;
        cgroup.write("cgroup.freeze", "1")?;
        Ok(cgroup)
    }

    /// One thousandth of a CPU: 1 ms in each second.
    pub(super) fn without_cpu(pid: Pid) -> Result<Self> {
        let cgroup = Self::new("cpu", pid, ("cpu.cfs_quota_us", "-1"))?;
        cgroup.write("cpu.cfs_period_us", "1000000")?;
        cgroup.write("cpu.cfs_quota_us", "1000")?;
        Ok(cgroup)
    }

    fn new(kind: &str, pid: Pid, release: (&'static str, &'static str)) -> Result<Self> {
        let root = mount(kind).with_context(|| format!("no hierarchy for {kind} is mounted"))?;
        let folder = root.join(format!("reapwatch-scenario-{pid}"));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let cgroup = Self { folder, release };
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
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        eprintln!("scenarios: {} stays ({released:?})", self.folder.display());
    }
}

/// Where the hierarchy of a v1 controller is mounted, or that of version 2 (`cgroup2`).
pub(crate) fn mount(kind: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let hit =
            words[2] == kind || words[2] == "cgroup" && words[3].split(',').any(|it| it == kind);
        hit.then(|| PathBuf::from(words[1]))
    })
}
