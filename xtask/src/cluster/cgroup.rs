//! The cgroup of the whole cluster, in each hierarchy.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

use crate::cgroup;

/// The cgroup of what is in no container; a cgroup of version 2 with groups below has no processes.
const SYSTEM: &str = "system";

#[derive(Debug)]
pub(super) struct Cgroup {
    name: String,
    /// Its folder in each hierarchy.
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it.
    pub(super) fn create(name: &str) -> Result<Self> {
        let cgroup = Self::named(name);
        ensure!(
            !cgroup.folders.is_empty(),
            "no cgroups are mounted at /sys/fs/cgroup"
        );
        cgroup.below(SYSTEM)?;
        Ok(cgroup)
    }

    /// The one that the guard has made.
    pub(super) fn named(name: &str) -> Self {
        let folders = hierarchies().into_iter().map(|root| root.join(name));
        Self {
            name: name.to_owned(),
            folders: folders.collect(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes one below in each hierarchy.
    pub(super) fn below(&self, name: &str) -> Result<()> {
        for folder in self.folders.iter().map(|folder| folder.join(name)) {
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        }
        Ok(())
    }

    /// Moves this process into it, and with it all that it starts from now on.
    pub(super) fn enter(&self) -> Result<()> {
        let lists = self
            .folders
            .iter()
            .map(|it| it.join(SYSTEM).join("cgroup.procs"));
        // One is enough to be found. A new one in the hierarchy of cpuset takes no process.
        let entered = lists.filter(|list| fs::write(list, "0").is_ok());
        ensure!(
            entered.count() > 0,
            "no cgroup {} can be entered",
            self.name
        );
        Ok(())
    }

    /// The processes in it and below.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let folders = self.folders.iter();
        let mut found: Vec<_> = folders.flat_map(|it| cgroup::processes(it)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Removes it, if no process is left; whether it is gone.
    pub(super) fn remove(&self) -> bool {
        for folder in &self.folders {
            cgroup::remove(folder);
        }
        !self.folders.iter().any(|folder| folder.exists())
    }
}

/// The mount points: one of version 2, or one for each controller and perhaps one of version 2.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts = String::from_utf8_lossy(&mounts);
    let of_cgroups = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let place = place.split(' ').nth(4)?;
        let is_one = kind.starts_with("cgroup") && place.starts_with("/sys/fs/cgroup");
        is_one.then(|| place.into())
    });
    of_cgroups.collect()
}
