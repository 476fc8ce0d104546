//! Reads how many PIDs are in use: on the node from /proc, in cgroups from their files, with
//! bounded effort. I/O, off the loop.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::host::cgroups::Mounts;
use crate::host::proc;
use model::events::{CgroupId, CgroupVersion};
use model::pids::{Counted, Walk};

/// Maximum duration of a walk.
const PATIENCE: Duration = Duration::from_millis(500);
/// Maximum number of cgroups in a walk.
const FOLDERS: usize = 16_384;
/// Maximum depth.
const DEPTH: usize = 64;

/// The PID table of the node.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// PIDs in use.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

/// How full the node's table is.
pub fn node() -> Option<Node> {
    Some(Node {
        used: node_used()?,
        limit: node_limit()?,
    })
}

/// Tasks on the host, zombies included, as /proc/loadavg counts them: each holds a PID
/// ([`nr_threads`](https://elixir.bootlin.com/linux/v6.12/A/ident/nr_threads)).
fn node_used() -> Option<u64> {
    let loadavg = proc::text("/proc/loadavg").ok()?;
    let tasks = loadavg.split_whitespace().nth(3)?;
    tasks.split_once('/')?.1.parse().ok()
}

/// The limit: the smaller of pid_max and threads-max.
fn node_limit() -> Option<u64> {
    let number = |path: &str| proc::text(path).ok()?.trim().parse::<u64>().ok();
    let pids = number("/proc/sys/kernel/pid_max");
    let threads = number("/proc/sys/kernel/threads-max");
    pids.into_iter().chain(threads).min()
}

/// All cgroups with a limit.
pub fn cgroups(mounts: &Mounts) -> Walk {
    let mut walker = Walker::of(CgroupVersion::V2);
    if let Some(root) = mounts.of("") {
        walker.visit(root, "", DEPTH);
    }
    walker.version = CgroupVersion::V1;
    if let Some(root) = mounts.of("pids") {
        walker.visit(root, "", DEPTH);
    }
    Walk {
        counted: walker.counted,
        refused: walker.refused,
        paths: (!walker.cut).then_some(walker.paths),
    }
}

struct Walker {
    version: CgroupVersion,
    until: Instant,
    left: usize,
    /// Something was skipped.
    cut: bool,
    counted: Vec<Counted>,
    refused: HashMap<CgroupId, u64>,
    paths: HashMap<CgroupId, String>,
}

impl Walker {
    fn of(version: CgroupVersion) -> Self {
        Self {
            version,
            until: Instant::now() + PATIENCE,
            left: FOLDERS,
            cut: false,
            counted: Vec::new(),
            refused: HashMap::new(),
            paths: HashMap::new(),
        }
    }

    /// Reads a cgroup and all below it; returns the forks refused by limits there.
    ///
    /// Until Linux 6.11, and in hierarchies of version 1, `pids.events` counts the forks refused
    /// to this very cgroup, by whichever limit above. Since then it counts those that the limits of
    /// this cgroup and below refused, and `pids.events.local` those of its own limit:
    /// <https://git.kernel.org/torvalds/c/73e75e6fc352bdca08f7a7893d3ff7ee9f5e7d2f>.
    fn visit(&mut self, folder: &Path, path: &str, depth: usize) -> u64 {
        if depth == 0 || self.left == 0 || Instant::now() > self.until {
            self.cut = true;
            return 0;
        }
        self.left -= 1;
        // Removed since it was listed.
        let Ok(metadata) = fs::metadata(folder) else {
            return 0;
        };
        // The inode number is the id of the cgroup (`kernfs_id` on 64 bits).
        let id = CgroupId {
            version: self.version,
            id: metadata.ino(),
        };
        let path = if path.is_empty() { "/" } else { path };
        self.paths.insert(id, path.to_owned());
        let events = refused(folder, "pids.events");
        let local = refused(folder, "pids.events.local");
        if let Some(own) = local.or(events).filter(|&own| own > 0) {
            self.refused.insert(id, own);
        }
        let place = self.counted.len();
        let limit = number(folder, "pids.max");
        let used = limit.and_then(|_| number(folder, "pids.current"));
        if let (Some(limit), Some(used)) = (limit, used) {
            self.counted.push(Counted {
                id,
                path: path.to_owned(),
                used,
                limit,
                refused: events,
            });
        }
        let mut below_it = 0;
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            // The creator of a cgroup chooses its name; paths are only displayed.
            let name = entry.file_name();
            let above = path.trim_end_matches('/');
            let below = format!("{above}/{}", name.to_string_lossy());
            below_it += self.visit(&entry.path(), &below, depth - 1);
        }
        if local.is_some() {
            return events.unwrap_or(0);
        }
        if let Some(counted) = self.counted.get_mut(place).filter(|it| it.id == id) {
            counted.refused = events.map(|own| own + below_it);
        }
        events.unwrap_or(0) + below_it
    }
}

/// Of `max 7`.
fn refused(folder: &Path, file: &str) -> Option<u64> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    let max = text.lines().find_map(|line| line.strip_prefix("max "))?;
    max.trim().parse().ok()
}

/// `None` if the file does not exist or contains `max`.
fn number(folder: &Path, file: &str) -> Option<u64> {
    proc::text(folder.join(file)).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).expect("a folder can be made");
        for (file, text) in files {
            fs::write(folder.join(file), text).expect("a file can be written");
        }
    }

    #[test]
    fn limits_are_found_and_where_each_cgroup_is() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let pod = root.path().join("pod");
        cgroup(&pod, &[("pids.max", "100\n"), ("pids.current", "7\n")]);
        let app = pod.join("app");
        cgroup(&app, &[("pids.max", "max\n"), ("pids.current", "7\n")]);
        let mut walker = Walker::of(CgroupVersion::V1);
        walker.until += Duration::from_secs(60);
        walker.visit(root.path(), "", DEPTH);
        let id = |folder: &Path| CgroupId {
            version: CgroupVersion::V1,
            id: fs::metadata(folder).expect("it is there").ino(),
        };
        let limited = Counted {
            id: id(&pod),
            path: "/pod".to_owned(),
            used: 7,
            limit: 100,
            refused: None,
        };
        assert_eq!((walker.counted, walker.cut), (vec![limited], false));
        let paths = [root.path(), &pod, &app].map(|folder| walker.paths[&id(folder)].as_str());
        assert_eq!(paths, ["/", "/pod", "/pod/app"]);
        let mut short = Walker::of(CgroupVersion::V1);
        short.left = 2;
        short.visit(root.path(), "", DEPTH);
        assert!(short.cut, "a folder is left out");
    }

    #[test]
    fn refused_forks_include_descendants_whichever_way_the_kernel_counts() {
        let old = tempfile::tempdir().expect("a folder can be made");
        let new = tempfile::tempdir().expect("a folder can be made");
        let limited = [("pids.max", "10\n"), ("pids.current", "7\n")];
        let free = [("pids.max", "max\n"), ("pids.current", "7\n")];
        let events = |text| ("pids.events", text);
        let local = |text| ("pids.events.local", text);
        for (root, pod, app) in [
            (&old, &[events("max 1\n")][..], &[events("max 4\n")][..]),
            (
                &new,
                &[events("max 5\n"), local("max 1\n")],
                &[events("max 4\n"), local("max 4\n")],
            ),
        ] {
            cgroup(&root.path().join("pod"), &[&limited[..], pod].concat());
            cgroup(&root.path().join("pod/app"), &[&free[..], app].concat());
            let mut walker = Walker::of(CgroupVersion::V2);
            walker.until += Duration::from_secs(60);
            assert_eq!(walker.visit(root.path(), "", DEPTH), 5);
            assert_eq!(walker.counted[0].refused, Some(5));
            let mut own: Vec<_> = walker.refused.values().copied().collect();
            own.sort_unstable();
            assert_eq!(own, [1, 4], "each is counted once");
        }
    }

    #[test]
    fn the_node_has_a_limit_above_its_use() {
        assert!(node_used().expect("it is readable") <= node_limit().expect("it is readable"));
    }
}
