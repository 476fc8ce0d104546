//! Cgroups of this machine, which are folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::Pid;
use walkdir::{DirEntry, WalkDir};

/// Where those of version 2 are mounted.
pub(crate) fn mounted() -> Result<PathBuf> {
    let mounts = fs::read("/proc/self/mounts").context("read /proc/self/mounts")?;
    let mounts = String::from_utf8_lossy(&mounts);
    let folder = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let folder = words.next()?;
        (words.next()? == "cgroup2").then(|| PathBuf::from(folder))
    });
    folder.context(
        "cgroups of version 2 are not mounted; mount them: mount -t cgroup2 none DIRECTORY",
    )
}

/// A cgroup and those below it, the innermost first.
pub(crate) fn tree(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(folder)
        .contents_first(true)
        .into_iter()
        .flatten();
    let folders = entries.filter(|entry| entry.file_type().is_dir());
    folders.map(DirEntry::into_path)
}

/// The processes in a cgroup and those below, without zombies.
pub(crate) fn processes(folder: &Path) -> Vec<Pid> {
    let lists = tree(folder).map(|folder| fs::read_to_string(folder.join("cgroup.procs")));
    let lists: String = lists.flatten().collect();
    let pids = lists.lines().filter_map(|line| line.parse().ok());
    pids.map(Pid::from_raw).collect()
}

/// Removes a cgroup and those below, except where a process is left.
pub(crate) fn remove(folder: &Path) {
    for folder in tree(folder) {
        let _busy_or_gone = fs::remove_dir(folder);
    }
}
