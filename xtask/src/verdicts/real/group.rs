//! A cgroup of our own for each case: all that the case starts is in it, and dies with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PREFIX: &str = "reapwatch-real-";

/// The cgroup of a case; with this value all of its processes are killed.
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

    /// All in it and below it. One that is dead is not listed.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for folder in with_children(&self.folder) {
            let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
        pids
    }

    /// Kills all in it, once.
    pub(super) fn kill(&self) {
        kill_all(&self.folder);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Removes what an earlier run left when it was killed.
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

/// Kills all in a cgroup until it can be removed. One that hangs in the kernel keeps it.
fn remove(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while folder.exists() && Instant::now() < deadline {
        kill_all(folder);
        // Children first.
        for folder in with_children(folder).iter().rev() {
            let _busy = fs::remove_dir(folder);
        }
        thread::sleep(Duration::from_millis(20));
    }
    if folder.exists() {
        eprintln!("real: {} could not be removed", folder.display());
    }
}

/// What is gone already needs nothing.
fn kill_all(folder: &Path) {
    for folder in with_children(folder) {
        let _gone = fs::write(folder.join("cgroup.freeze"), "0");
        let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        for pid in listed.lines().filter_map(|line| line.parse().ok()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A cgroup and those below it, itself first.
fn with_children(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let folders: Vec<_> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(folders);
        next += 1;
    }
    found
}

/// Where version 2 is mounted, which may be beside version 1.
fn mount() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read /proc/self/mounts")?;
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (folder, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(folder))
    });
    mount.context("no cgroup2 is mounted here")
}
