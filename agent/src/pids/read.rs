//! Reads how many PIDs are in use: of the node from /proc, of cgroups from their files, with
//! bounded effort. I/O; cgroups are read off the loop.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Counted, Walk};
use crate::evidence::cgroup::Mounts;

/// How long a walk may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// Cgroups that a walk looks at.
const FOLDERS: usize = 16_384;
/// How deep they may lie.
const DEPTH: usize = 64;

/// Tasks on the host, zombies included, as /proc/loadavg counts them: each holds a PID
/// ([`nr_threads`](https://elixir.bootlin.com/linux/v6.12/A/ident/nr_threads)).
pub fn node_used() -> Option<u64> {
    let loadavg = fs::read_to_string("/proc/loadavg").ok()?;
    let tasks = loadavg.split_whitespace().nth(3)?;
    tasks.split_once('/')?.1.parse().ok()
}

/// The most that may be: the smaller of pid_max and threads-max.
pub fn node_limit() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let pids = number("/proc/sys/kernel/pid_max");
    let threads = number("/proc/sys/kernel/threads-max");
    pids.into_iter().chain(threads).min()
}

/// All cgroups with a limit.
pub fn cgroups(mounts: &Mounts) -> Walk {
    let mut walker = Walker {
        until: Instant::now() + PATIENCE,
        left: FOLDERS,
        cut: false,
        v1: false,
        counted: Vec::new(),
        paths: HashMap::new(),
    };
    if let Some(root) = mounts.unified() {
        walker.visit(root, "", false, DEPTH);
    }
    let all_known = !walker.cut;
    walker.v1 = true;
    if let Some(root) = mounts.v1_pids() {
        walker.visit(root, "", false, DEPTH);
    }
    Walk {
        counted: walker.counted,
        paths: all_known.then_some(walker.paths),
    }
}

struct Walker {
    until: Instant,
    left: usize,
    /// Something was left out.
    cut: bool,
    v1: bool,
    counted: Vec<Counted>,
    paths: HashMap<u64, String>,
}

impl Walker {
    /// Looks at a cgroup and all below, and gives back how many threads live there, where that is
    /// asked for: `limited` says that one above has a limit.
    fn visit(&mut self, folder: &Path, path: &str, limited: bool, depth: usize) -> u64 {
        if depth == 0 || self.left == 0 || Instant::now() > self.until {
            self.cut = true;
            return 0;
        }
        self.left -= 1;
        let name = if path.is_empty() { "/" } else { path };
        if !self.v1
            && let Ok(metadata) = fs::metadata(folder)
        {
            // The inode number is the id of the cgroup (`kernfs_id` on 64 bits).
            self.paths.insert(metadata.ino(), name.to_owned());
        }
        let limit = number(folder, "pids.max");
        let before = limit.and_then(|_| number(folder, "pids.current"));
        let limited = limited || before.is_some();
        let mut living = if self.v1 && limited {
            living(folder)
        } else {
            0
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            // Names come from whoever made the cgroup; paths are only shown.
            let below = format!("{path}/{}", entry.file_name().to_string_lossy());
            living += self.visit(&entry.path(), &below, limited, depth - 1);
        }
        let after = before.and_then(|_| number(folder, "pids.current"));
        if let (Some(limit), Some(before), Some(used)) = (limit, before, after) {
            let dead = before.min(used).saturating_sub(living);
            self.counted.push(Counted {
                path: name.to_owned(),
                used,
                limit,
                not_living: Some(dead).filter(|_| self.v1 && !self.cut),
            });
        }
        living
    }
}

/// Threads in a cgroup of version 1 that live, and first threads that ended before others: these
/// are in `cgroup.procs` and not in `tasks`, zombies are in neither
/// ([`css_task_iter_advance`](https://elixir.bootlin.com/linux/v6.12/A/ident/css_task_iter_advance)).
fn living(folder: &Path) -> u64 {
    let mut found = HashSet::new();
    for file in ["tasks", "cgroup.procs"] {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    }
    found.len() as u64
}

/// `None` where there is no such file, and of the word `max`.
fn number(folder: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(folder.join(file))
        .ok()?
        .trim()
        .parse()
        .ok()
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

    fn walk(root: &Path, v1: bool, left: usize) -> (Vec<Counted>, bool) {
        let mut walker = Walker {
            until: Instant::now() + Duration::from_secs(60),
            left,
            cut: false,
            v1,
            counted: Vec::new(),
            paths: HashMap::new(),
        };
        walker.visit(root, "", false, DEPTH);
        (walker.counted, walker.cut)
    }

    #[test]
    fn limits_are_found_and_the_dead_of_version_1_are_what_is_not_listed() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let pod = root.path().join("pod");
        let files = [
            ("pids.max", "100\n"),
            ("pids.current", "7\n"),
            ("tasks", "1\n2\n"),
        ];
        cgroup(&pod, &files);
        // 9 has ended before its second thread, 10.
        let files = [
            ("pids.max", "max\n"),
            ("tasks", "10\n"),
            ("cgroup.procs", "9\n"),
        ];
        cgroup(&pod.join("app"), &files);
        let (counted, cut) = walk(root.path(), true, 10);
        let pod = Counted {
            path: "/pod".to_owned(),
            used: 7,
            limit: 100,
            not_living: Some(3),
        };
        assert_eq!((counted, cut), (vec![pod.clone()], false));
        let (counted, _) = walk(root.path(), false, 10);
        assert_eq!(counted[0].not_living, None);
        let (counted, cut) = walk(root.path(), true, 2);
        assert!(
            cut && counted.iter().all(|it| it.not_living.is_none()),
            "{counted:?}"
        );
    }

    #[test]
    fn the_node_has_a_limit_above_its_use() {
        assert!(node_used().expect("it is readable") <= node_limit().expect("it is readable"));
    }
}
