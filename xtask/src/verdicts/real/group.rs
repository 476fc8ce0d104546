//! A cgroup for each case, so that everything that it starts can be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};

use crate::cgroup;

const PREFIX: &str = "reapwatch-real-";

/// The cgroup of a case. On drop, all its processes are killed.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
}

impl Group {
    pub(super) fn new(case: &str) -> Result<Self> {
        let folder = cgroup::mounted()?.join(format!("{PREFIX}{}-{case}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The processes in it and below it, without zombies.
    pub(super) fn pids(&self) -> Vec<u32> {
        let pids = cgroup::processes(&self.folder).into_iter();
        pids.map(|pid| pid.as_raw() as u32).collect()
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
    for entry in fs::read_dir(cgroup::mounted()?)?.flatten() {
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
        cgroup::remove(folder);
        thread::sleep(Duration::from_millis(20));
    }
    if folder.exists() {
        eprintln!("real: cannot remove {}", folder.display());
    }
}

/// Failures mean that the cgroup or process is gone.
fn kill_all(folder: &Path) {
    for folder in cgroup::tree(folder) {
        let _gone = fs::write(folder.join("cgroup.freeze"), "0");
    }
    for pid in cgroup::processes(folder) {
        let _gone = kill(pid, Signal::SIGKILL);
    }
}
