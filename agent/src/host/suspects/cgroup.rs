//! Whether a cgroup keeps a process from running: its freezer and its CPU quota, v1 and v2. I/O.

use std::path::{Path, PathBuf};

use crate::host::cgroups::{Mounts, path_of};
use crate::host::proc::{self, shell_word};
use model::culprit::evidence::{Freezer, Quota};

/// The freezer that holds a process, from the text of its /proc/PID/cgroup.
pub fn freezer(mounts: &Mounts, cgroup: impl AsRef<[u8]>) -> Option<Freezer> {
    let cgroup = cgroup.as_ref();
    unified_freezer(mounts, cgroup).or_else(|| v1_freezer(mounts, cgroup))
}

fn unified_freezer(mounts: &Mounts, cgroup: &[u8]) -> Option<Freezer> {
    let (root, folder) = folder(mounts, cgroup, "")?;
    let events = read(&folder, "cgroup.events")?;
    if !events.lines().any(|line| line == "frozen 1") {
        return None;
    }
    let frozen = nearest(root, &folder, |folder| {
        read(folder, "cgroup.freeze").is_some_and(|text| text.trim() == "1")
    })?;
    Some(Freezer {
        thaw: format!("echo 0 > {}", shell_word(&frozen.join("cgroup.freeze"))),
        cgroup: frozen,
    })
}

fn v1_freezer(mounts: &Mounts, cgroup: &[u8]) -> Option<Freezer> {
    let (root, folder) = folder(mounts, cgroup, "freezer")?;
    // The state stays FREEZING if another process of the cgroup cannot be frozen.
    if !matches!(
        read(&folder, "freezer.state")?.trim(),
        "FROZEN" | "FREEZING"
    ) {
        return None;
    }
    let frozen = nearest(root, &folder, |folder| {
        read(folder, "freezer.self_freezing").is_some_and(|text| text.trim() == "1")
    })?;
    Some(Freezer {
        thaw: format!(
            "echo THAWED > {}",
            shell_word(&frozen.join("freezer.state"))
        ),
        cgroup: frozen,
    })
}

/// Whether the freezer of version 1 holds every process of the cgroup.
pub fn all_frozen_v1(mounts: &Mounts, cgroup: impl AsRef<[u8]>) -> bool {
    let folder = folder(mounts, cgroup.as_ref(), "freezer");
    let state = folder.and_then(|(_, folder)| read(&folder, "freezer.state"));
    state.is_some_and(|state| state.trim() == "FROZEN")
}

/// How long its cgroup was throttled by its CPU quota.
pub fn quota(mounts: &Mounts, cgroup: impl AsRef<[u8]>) -> Option<Quota> {
    let of = |controller, time, unit_ns| {
        let text = read(&folder(mounts, cgroup.as_ref(), controller)?.1, "cpu.stat")?;
        Some(Quota {
            throttled_ns: number(&text, time)? * unit_ns,
            throttled_periods: number(&text, "nr_throttled")?,
        })
    };
    of("", "throttled_usec", 1_000).or_else(|| of("cpu", "throttled_time", 1))
}

/// The folder of a process in the hierarchy of a controller, and the mount point of the hierarchy.
/// A path that begins with `..` is outside of what is mounted here.
fn folder<'a>(mounts: &'a Mounts, cgroup: &[u8], controller: &str) -> Option<(&'a Path, PathBuf)> {
    let path = path_of(cgroup, controller)?.strip_prefix(b"/")?;
    let root = mounts.of(controller)?;
    let is_outside = path == b".." || path.starts_with(b"../");
    (!is_outside).then(|| (root, root.join(proc::path_of(path))))
}

/// The nearest folder that matches, from `folder` up to `root`.
fn nearest(root: &Path, folder: &Path, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut folders = folder
        .ancestors()
        .take_while(|folder| folder.starts_with(root));
    folders.find(|folder| wanted(folder)).map(Path::to_owned)
}

fn read(folder: &Path, file: &str) -> Option<String> {
    proc::text(folder.join(file)).ok()
}

fn number(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    words.find_map(|mut words| {
        let hit = words.next()? == name;
        words.next().filter(|_| hit)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_cgroup_outside_the_mount_has_no_directory() {
        let mounts = Mounts::only("", Path::new("/cgroup"));
        let found = |cgroup: &str| folder(&mounts, cgroup.as_bytes(), "").map(|(_, folder)| folder);
        assert_eq!(found("0::/a/b\n"), Some(PathBuf::from("/cgroup/a/b")));
        assert_eq!(found("0::/../x\n"), None);
        assert_eq!(found("1:cpu:/a\n"), None);
    }

    #[test]
    fn a_parent_cgroup_may_be_the_one_to_thaw() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let inner = root.path().join("pod/app");
        fs::create_dir_all(&inner).expect("folders can be made");
        let write = |folder: &Path, file: &str, text: &str| {
            fs::write(folder.join(file), text).expect("a file can be written");
        };
        write(&inner, "cgroup.events", "populated 1\nfrozen 1\n");
        write(&inner, "cgroup.freeze", "0\n");
        write(&root.path().join("pod"), "cgroup.freeze", "1\n");
        let mounts = Mounts::only("", root.path());
        let found = freezer(&mounts, "0::/pod/app\n").expect("it is frozen");
        let file = root.path().join("pod/cgroup.freeze");
        assert_eq!(found.thaw, format!("echo 0 > {}", file.display()));
        write(&inner, "cgroup.events", "populated 1\nfrozen 0\n");
        assert_eq!(freezer(&mounts, "0::/pod/app\n"), None);
    }

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        assert_eq!(
            number("nr_throttled 3\nthrottled_usec 12\n", "throttled_usec"),
            Some(12)
        );
        assert_eq!(number("throttled_usec_x 12\n", "throttled_usec"), None);
    }
}
