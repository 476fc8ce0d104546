//! Whether a cgroup keeps a process from running: its freezer and its CPU quota, v1 and v2. I/O.

use std::fs;
use std::path::{Path, PathBuf};

use super::Freezer;

/// Where the hierarchies are mounted that say something about running.
#[derive(Debug, Default)]
pub struct Mounts {
    unified: Option<PathBuf>,
    v1_freezer: Option<PathBuf>,
    v1_cpu: Option<PathBuf>,
    v1_pids: Option<PathBuf>,
}

impl Mounts {
    /// Those of this mount namespace.
    pub fn find() -> Self {
        Self::parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
    }

    /// `proc_pid_mountinfo(5)`. Mounts of a part of a hierarchy are left out: paths would differ.
    fn parse(mountinfo: &str) -> Self {
        let mut mounts = Self::default();
        for line in mountinfo.lines() {
            let Some((place, kind)) = line.split_once(" - ") else {
                continue;
            };
            let place: Vec<_> = place.split(' ').collect();
            let kind: Vec<_> = kind.split(' ').collect();
            let (Some(&"/"), Some(&point)) = (place.get(3), place.get(4)) else {
                continue;
            };
            let has = |name| {
                let options = kind.get(2).copied().unwrap_or_default();
                kind[0] == "cgroup" && options.split(',').any(|option| option == name)
            };
            let found = match () {
                () if kind[0] == "cgroup2" => &mut mounts.unified,
                () if has("freezer") => &mut mounts.v1_freezer,
                () if has("cpu") => &mut mounts.v1_cpu,
                () if has("pids") => &mut mounts.v1_pids,
                () => continue,
            };
            found.get_or_insert_with(|| PathBuf::from(point));
        }
        mounts
    }

    /// Where version 2 is mounted.
    pub fn unified(&self) -> Option<&Path> {
        self.unified.as_deref()
    }

    /// Where the pids controller of version 1 is mounted.
    pub fn v1_pids(&self) -> Option<&Path> {
        self.v1_pids.as_deref()
    }

    /// The freezer that holds a process, which the text of its /proc/PID/cgroup places.
    pub fn freezer(&self, cgroup: &str) -> Option<Freezer> {
        self.unified_freezer(cgroup)
            .or_else(|| self.v1_freezer(cgroup))
    }

    fn unified_freezer(&self, cgroup: &str) -> Option<Freezer> {
        let path = path_of(cgroup, "")?;
        let root = self.unified.as_deref()?;
        let events = read(&root.join(path), "cgroup.events")?;
        if !events.lines().any(|line| line == "frozen 1") {
            return None;
        }
        let frozen = nearest(root, path, |folder| {
            read(folder, "cgroup.freeze").is_some_and(|text| text.trim() == "1")
        })?;
        Some(Freezer {
            thaw: format!("echo 0 > {}", frozen.join("cgroup.freeze").display()),
            cgroup: frozen.display().to_string(),
        })
    }

    fn v1_freezer(&self, cgroup: &str) -> Option<Freezer> {
        let path = path_of(cgroup, "freezer")?;
        let root = self.v1_freezer.as_deref()?;
        // FREEZING stays where one of its processes cannot be frozen; this one may be.
        if !matches!(
            read(&root.join(path), "freezer.state")?.trim(),
            "FROZEN" | "FREEZING"
        ) {
            return None;
        }
        let frozen = nearest(root, path, |folder| {
            read(folder, "freezer.self_freezing").is_some_and(|text| text.trim() == "1")
        })?;
        Some(Freezer {
            thaw: format!("echo THAWED > {}", frozen.join("freezer.state").display()),
            cgroup: frozen.display().to_string(),
        })
    }

    /// Whether the freezer of version 1 holds every process of the cgroup.
    pub fn all_frozen_v1(&self, cgroup: &str) -> bool {
        let path = path_of(cgroup, "freezer");
        let folder = self
            .v1_freezer
            .as_deref()
            .zip(path)
            .map(|(root, path)| root.join(path));
        let state = folder.and_then(|folder| read(&folder, "freezer.state"));
        state.is_some_and(|state| state.trim() == "FROZEN")
    }

    /// For how long the quota of its cgroup kept it off the CPUs, all its processes together.
    pub fn throttled_ns(&self, cgroup: &str) -> Option<u64> {
        let v2 = || {
            let text = read(
                &self.unified.as_deref()?.join(path_of(cgroup, "")?),
                "cpu.stat",
            )?;
            Some(number(&text, "throttled_usec")? * 1_000)
        };
        let v1 = || {
            let text = read(
                &self.v1_cpu.as_deref()?.join(path_of(cgroup, "cpu")?),
                "cpu.stat",
            )?;
            number(&text, "throttled_time")
        };
        v2().or_else(v1)
    }
}

/// The path in one hierarchy, without its leading slash; the unified one has no controllers. A
/// path that begins with `..` lies outside what is mounted here.
fn path_of<'a>(cgroup: &'a str, controller: &str) -> Option<&'a str> {
    let path = cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let hit = controllers.split(',').any(|name| name == controller);
        hit.then_some(path)
    })?;
    let path = path.strip_prefix('/')?;
    (!path.starts_with("..")).then_some(path)
}

/// The folder itself or the nearest above it, up to `root`, that is as wanted.
fn nearest(root: &Path, path: &str, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folder = root.join(path);
    let mut folders = folder
        .ancestors()
        .take_while(|folder| folder.starts_with(root));
    folders.find(|folder| wanted(folder)).map(Path::to_owned)
}

fn read(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok()
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
    use super::*;

    const MOUNTS: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
41 31 0:38 /part /elsewhere rw,relatime - cgroup2 cgroup2 rw
42 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const OF: &str = "6:freezer:/frozen\n1:cpu,cpuacct:/a/b\n0::/pod/c\n";

    #[test]
    fn each_hierarchy_has_its_place() {
        let mounts = Mounts::parse(MOUNTS);
        assert_eq!(
            mounts.unified.as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
        assert_eq!(
            mounts.v1_cpu.as_deref(),
            Some(Path::new("/sys/fs/cgroup/cpu"))
        );
        assert_eq!(path_of(OF, ""), Some("pod/c"));
        assert_eq!(path_of(OF, "cpu"), Some("a/b"));
        assert_eq!(path_of(OF, "pids"), None);
        assert_eq!(path_of("0::/../x\n", ""), None);
    }

    #[test]
    fn the_freezer_that_must_be_thawed_may_lie_above() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let inner = root.path().join("pod/app");
        fs::create_dir_all(&inner).expect("folders can be made");
        let write = |folder: &Path, file: &str, text: &str| {
            fs::write(folder.join(file), text).expect("a file can be written");
        };
        write(&inner, "cgroup.events", "populated 1\nfrozen 1\n");
        write(&inner, "cgroup.freeze", "0\n");
        write(&root.path().join("pod"), "cgroup.freeze", "1\n");
        let mounts = Mounts {
            unified: Some(root.path().to_owned()),
            ..Mounts::default()
        };
        let freezer = mounts.freezer("0::/pod/app\n").expect("it is frozen");
        let file = root.path().join("pod/cgroup.freeze");
        assert_eq!(freezer.thaw, format!("echo 0 > {}", file.display()));
        write(&inner, "cgroup.events", "populated 1\nfrozen 0\n");
        assert_eq!(mounts.freezer("0::/pod/app\n"), None);
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
