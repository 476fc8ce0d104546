//! The cgroups of pods, which kubelet would create and remove.

use std::fs;
use std::path::{Path, PathBuf};

/// Where all pods are, in each hierarchy.
const PODS: &str = "kubepods";

/// On drop, removes what pods left; what was there before stays.
#[derive(Debug)]
pub(super) struct Cgroups {
    ours: Vec<PathBuf>,
}

impl Cgroups {
    /// Notes which hierarchies have no pods yet.
    pub(super) fn new() -> Self {
        let places = hierarchies().into_iter().map(|root| root.join(PODS));
        Self {
            ours: places.filter(|place| !place.exists()).collect(),
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for place in &self.ours {
            remove(place);
        }
    }
}

/// The cgroup of a pod, as a path in its hierarchy.
pub(super) fn of_pod(class: &str, uid: &str) -> String {
    format!("/{PODS}/{class}/pod{uid}")
}

/// Removes the cgroup of a pod from each hierarchy, if no process is left in it.
pub(super) fn remove_pod(class: &str, uid: &str) {
    let path = of_pod(class, uid);
    for root in hierarchies() {
        remove(&root.join(path.trim_start_matches('/')));
    }
}

/// Removes it and all below it. One with a process stays, and so do its parents.
fn remove(folder: &Path) {
    let inner = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in inner.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path());
    }
    let _busy_or_gone = fs::remove_dir(folder);
}

/// The mount points: one of version 2, or one for each controller and perhaps one of version 2.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts = String::from_utf8_lossy(&mounts);
    let of_cgroups = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let place = place
            .split(' ')
            .nth(4)
            .filter(|_| kind.starts_with("cgroup"))?;
        place.starts_with("/sys/fs/cgroup").then(|| place.into())
    });
    of_cgroups.collect()
}
