//! A cgroup for each case, so that everything that it starts can be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use walkdir::{DirEntry, WalkDir};

const PREFIX: &str = "reapwatch-real-";

/// The cgroup of a case. On drop, all its processes are killed.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
}

impl Group {
    pub(super) fn new(case: &str) -> Result<Self> {
        let folder = mount()?.join(format!("{PREFIX}{}-{case}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The processes in it and below it, without zombies.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for folder in tree(&self.folder) {
            let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
        pids
    }

    /// Sends SIGKILL to all processes, once.
    pub(super) fn kill(&self) {
        kill_all(&self.folder);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Removes cgroups of runs that were killed.
pub(super) fn remove_leftovers() -> Result<()> {
    for entry in fs::read_dir(mount()?)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
        }
    }
    Ok(())
}

/// Kills all processes in a cgroup until it can be removed. A process that hangs in the kernel
/// prevents that.
fn remove(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while folder.exists() && Instant::now() < deadline {
        kill_all(folder);
        for folder in tree(folder) {
            let _busy = fs::remove_dir(folder);
        }
        thread::sleep(Duration::from_millis(20));
    }
    if folder.exists() {
        eprintln!("real: cannot remove {}", folder.display());
    }
}

/// Failures mean that the cgroup or process is gone.
fn kill_all(folder: &Path) {
    for folder in tree(folder) {
        let _gone = fs::write(folder.join("cgroup.freeze"), "0");
        let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        for pid in listed.lines().filter_map(|line| line.parse().ok()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A cgroup and those below it, children first.
fn tree(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(folder)
        .contents_first(true)
        .into_iter()
        .flatten();
    let folders = entries.filter(|entry| entry.file_type().is_dir());
    folders.map(DirEntry::into_path)
}

/// The mount point of version 2.
fn mount() -> Result<PathBuf> {
    let mounts = fs::read("/proc/self/mounts").context("read /proc/self/mounts")?;
    let mounts = String::from_utf8_lossy(&mounts);
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (folder, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(folder))
    });
    mount.context("no cgroup2 is mounted here")
}
