//! Network and mounts of the cluster's own, which end with its last process.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::programs;

/// Where all files of the cluster are: a file system in memory, in its mount namespace only.
pub(super) const FILES: &str = "/mnt";
/// Its folder for temporary files.
pub(super) const TEMPORARY: &str = "/mnt/tmp";
/// The programs, which stay visible where other folders are covered.
pub(super) const PROGRAMS: &str = "/mnt/programs";

/// What kubelet sets for the whole machine unless it is so already: here it finds it in a file.
const SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Leaves the machine's network and mounts, while this process has one thread.
pub(super) fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).context("leave the namespaces")?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("keep mounts private")?;
    // The folder of the cache may be covered below.
    let programs = programs::folder();
    let files = Some("tmpfs");
    let size = Some("size=6g,mode=755");
    mount(files, FILES, files, MsFlags::empty(), size).context("mount a file system in memory")?;
    fs::create_dir(TEMPORARY).context("make the folder for temporary files")?;
    fs::create_dir(PROGRAMS).context("make the folder of the programs")?;
    bind(&programs, Path::new(PROGRAMS))
}

/// Gives the calling thread, and what it starts, the network and the mounts of a node, whose own
/// files are in this folder.
pub(super) fn enter_node(folder: &Path) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).context("leave the namespaces")?;
    for covered in ["/run", "/var/lib", "/var/log"] {
        let own = folder.join(covered.trim_start_matches('/'));
        fs::create_dir_all(&own).with_context(|| format!("make {}", own.display()))?;
        bind(&own, Path::new(covered))?;
    }
    for (name, value) in SETTINGS {
        let own = folder.join("settings").join(name.replace('/', "."));
        fs::create_dir_all(own.with_file_name("")).context("make the folder of settings")?;
        fs::write(&own, value).context("write a setting")?;
        bind(&own, &Path::new("/proc/sys").join(name))?;
    }
    // What a volume mounts is seen by its containers.
    let shared = MsFlags::MS_SHARED | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, shared, None::<&str>).context("share mounts")
}

/// A path below the files of the cluster.
pub(super) fn file(name: &str) -> PathBuf {
    Path::new(FILES).join(name)
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND, none)
        .with_context(|| format!("mount {} at {}", from.display(), to.display()))
}
