//! Cgroups of version 1 and 2 that keep a process from running, or limit its PIDs; removed when
//! dropped.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::lacking::Lacking;

/// A cgroup of our own with one process.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    /// The file and the text that let the process run again.
    release: (&'static str, &'static str),
    /// The mount point of its hierarchy, if it was mounted only for it.
    mounted: Option<TempDir>,
    /// The controller that was enabled for it; dropped when the cgroup is gone.
    handed_down: Option<HandedDown>,
}

/// A controller that is enabled in the root of the unified hierarchy while this exists. It
/// cannot be mounted as version 1 meanwhile.
#[derive(Debug)]
struct HandedDown {
    file: PathBuf,
    controller: String,
}

impl HandedDown {
    /// `None` if it is enabled already.
    fn new(root: &Path, controller: &str) -> Result<Option<Self>> {
        let file = root.join("cgroup.subtree_control");
        let before = fs::read_to_string(&file).unwrap_or_default();
        if before.split_whitespace().any(|it| it == controller) {
            return Ok(None);
        }
        fs::write(&file, format!("+{controller}"))
            .with_context(|| format!("cannot hand the controller {controller} down"))?;
        let controller = controller.to_owned();
        Ok(Some(Self { file, controller }))
    }
}

impl Drop for HandedDown {
    fn drop(&mut self) {
        // Another program may need it by now.
        let _still_used = fs::write(&self.file, format!("-{}", self.controller));
    }
}

impl Cgroup {
    pub(crate) fn frozen_v1(pid: Pid) -> Result<Self> {
        let release = ("freezer.state", "THAWED");
        let cgroup = match hierarchy("freezer") {
            Some(root) => Self::new(&root, pid, release)?,
            None => Self::in_mounted_freezer(pid, release)?,
        };
        cgroup.write("freezer.state", "FROZEN")?;
        Ok(cgroup)
    }

    pub(crate) fn frozen_v2(pid: Pid) -> Result<Self> {
        let cgroup = Self::plain(pid)?;
        cgroup.write("cgroup.freeze", "1")?;
        Ok(cgroup)
    }

    /// One thousandth of a CPU: 1 ms in each second.
    pub(crate) fn without_cpu(pid: Pid) -> Result<Self> {
        let (root, version, handed_down) = with_controller("cpu")?;
        if version == Version::Two {
            let cgroup = Self::new(&root, pid, ("cpu.max", "max"))?.with(handed_down);
            cgroup.write("cpu.max", "1000 1000000")?;
            return Ok(cgroup);
        }
        let cgroup = Self::new(&root, pid, ("cpu.cfs_quota_us", "-1"))?;
        cgroup.write("cpu.cfs_period_us", "1000000")?;
        cgroup.write("cpu.cfs_quota_us", "1000")?;
        Ok(cgroup)
    }

    /// Without limits.
    pub(crate) fn plain(pid: Pid) -> Result<Self> {
        let root = hierarchy("cgroup2").context("cgroups of version 2 are not mounted")?;
        Self::new(&root, pid, ("cgroup.freeze", "0"))
    }

    /// One with a memory limit in bytes, in the hierarchy that has the controller.
    pub(crate) fn limited(pid: Pid, bytes: usize) -> Result<Self> {
        let (root, version, handed_down) = with_controller("memory")?;
        let (limit, with_swap, lift) = match version {
            Version::One => {
                let with_swap = ("memory.memsw.limit_in_bytes", bytes);
                ("memory.limit_in_bytes", with_swap, "-1")
            }
            Version::Two => ("memory.max", ("memory.swap.max", 0), "max"),
        };
        let cgroup = Self::new(&root, pid, (limit, lift))?.with(handed_down);
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

    /// Moves another process into it.
    pub(crate) fn add(&self, pid: Pid) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// One with a limit of PIDs, in the hierarchy that has the controller.
    pub(crate) fn with_pids(pid: Pid, limit: u64) -> Result<Self> {
        let (root, _, handed_down) = with_controller("pids")?;
        let cgroup = Self::new(&root, pid, ("pids.max", "max"))?.with(handed_down);
        cgroup.write("pids.max", &limit.to_string())?;
        Ok(cgroup)
    }

    /// Its path in its hierarchy, which is mounted whole.
    pub(crate) fn path(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        format!("/{}", name.to_string_lossy())
    }

    /// Current hosts mount version 2 only, but still have the old freezer.
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
            handed_down: None,
        };
        cgroup.write("cgroup.procs", &pid.to_string())?;
        Ok(cgroup)
    }

    fn with(mut self, handed_down: Option<HandedDown>) -> Self {
        self.handed_down = handed_down;
        self
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

/// Of cgroups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The hierarchy that has a controller: one of version 1, or the unified one with it enabled.
fn with_controller(controller: &str) -> Result<(PathBuf, Version, Option<HandedDown>)> {
    if let Some(root) = hierarchy(controller) {
        return Ok((root, Version::One, None));
    }
    let root = hierarchy("cgroup2").with_context(|| format!("no hierarchy has {controller}"))?;
    let handed_down = HandedDown::new(&root, controller)?;
    Ok((root, Version::Two, handed_down))
}

/// Where the hierarchy of a v1 controller is mounted, or that of version 2 (`cgroup2`).
fn hierarchy(kind: &str) -> Option<PathBuf> {
    let mounts = crate::mounts("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let hit =
            words[2] == kind || words[2] == "cgroup" && words[3].split(',').any(|it| it == kind);
        hit.then(|| PathBuf::from(words[1]))
    })
}
