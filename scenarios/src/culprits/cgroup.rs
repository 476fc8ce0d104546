//! Cgroups of version 1 and 2 that keep a process from running, or limit its PIDs; removed when
//! dropped.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::lacking::Lacking;

/// A cgroup of our own with one process.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    /// The file and the text that let the process run again.
    release: (&'static str, &'static str),
}

impl Cgroup {
    pub(super) fn frozen_v1(pid: Pid) -> Result<Self> {
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

    /// With neither limits nor anything to let go.
    pub(crate) fn plain(pid: Pid) -> Result<Self> {
        Self::new("cgroup2", pid, ("cgroup.freeze", "0"))
    }

    /// One that may have so many bytes of memory, by whichever hierarchy has the controller.
    pub(crate) fn limited(pid: Pid, bytes: usize) -> Result<Self> {
        let kind = hierarchy("memory")?;
        let (limit, with_swap, lift) = if kind == "memory" {
            let with_swap = ("memory.memsw.limit_in_bytes", bytes);
            ("memory.limit_in_bytes", with_swap, "-1")
        } else {
            ("memory.max", ("memory.swap.max", 0), "max")
        };
        let cgroup = Self::new(kind, pid, (limit, lift))?;
        cgroup.write(limit, &bytes.to_string())?;
        // Not there in a kernel without swap.
        let _without_swap = cgroup.write(with_swap.0, &with_swap.1.to_string());
        Ok(cgroup)
    }

    /// Kills all that are in it.
    pub(crate) fn kill(&self) -> Result<()> {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.folder.join("cgroup.kill"));
        match file {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!(Lacking::new("no cgroup.kill", Errno::ENOENT))
            }
            file => file
                .and_then(|mut file| file.write_all(b"1"))
                .context("cannot write to cgroup.kill"),
        }
    }

    /// Takes another process in.
    pub(crate) fn add(&self, pid: Pid) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// One that may have so many PIDs, by whichever hierarchy has the controller.
    pub(crate) fn with_pids(pid: Pid, limit: u64) -> Result<Self> {
        let cgroup = Self::new(hierarchy("pids")?, pid, ("pids.max", "max"))?;
        cgroup.write("pids.max", &limit.to_string())?;
        Ok(cgroup)
    }

    /// Its path in its hierarchy, which is mounted whole.
    pub(crate) fn path(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        format!("/{}", name.to_string_lossy())
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

/// The hierarchy that has a controller: one of version 1, or the unified one, told to hand it down.
fn hierarchy(controller: &'static str) -> Result<&'static str> {
    if mount(controller).is_some() {
        return Ok(controller);
    }
    let root = mount("cgroup2").with_context(|| format!("no hierarchy has {controller}"))?;
    fs::write(
        root.join("cgroup.subtree_control"),
        format!("+{controller}"),
    )
    .with_context(|| format!("cannot hand the controller {controller} down"))?;
    Ok("cgroup2")
}

/// Where the hierarchy of a v1 controller is mounted, or that of version 2 (`cgroup2`).
fn mount(kind: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let hit =
            words[2] == kind || words[2] == "cgroup" && words[3].split(',').any(|it| it == kind);
        hit.then(|| PathBuf::from(words[1]))
    })
}
