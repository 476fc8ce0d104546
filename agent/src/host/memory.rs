//! How much memory the agent may use: that of its cgroup, or of the host. I/O.

use std::fs;
use std::path::Path;

use super::cgroups::{Mounts, path_of};
use super::proc;

/// What one zombie may take: its row in the table, and in two snapshots of all processes.
const BYTES_EACH: u64 = 600;
/// However little memory there is.
const FEWEST: u64 = 4_096;
/// No kernel has more processes
/// ([`PID_MAX_LIMIT`](https://elixir.bootlin.com/linux/v6.12/A/ident/PID_MAX_LIMIT)).
const MOST: u64 = 1 << 22;

/// For how many zombies there is room: half of what a cgroup may use, or a sixteenth of the host.
pub fn room_for_zombies() -> usize {
    let bytes = own_limit_bytes().map_or(u64::MAX, |bytes| bytes / 2);
    room(bytes.min(host_bytes().unwrap_or(u64::MAX) / 16))
}

/// The memory limit of this process's cgroup, if there is one.
pub fn own_limit_bytes() -> Option<u64> {
    let cgroup = fs::read("/proc/self/cgroup").unwrap_or_default();
    let limit = limit_bytes(&Mounts::find(), &cgroup)?;
    // A hierarchy of v1 has a number for none too, which no machine reaches.
    (limit < host_bytes().unwrap_or(u64::MAX)).then_some(limit)
}

fn room(bytes: u64) -> usize {
    (bytes / BYTES_EACH).clamp(FEWEST, MOST) as usize
}

/// The smallest limit of the cgroup of a process and of those above it, from the text of its
/// /proc/PID/cgroup. `None` if there is none.
fn limit_bytes(mounts: &Mounts, cgroup: &[u8]) -> Option<u64> {
    let of =
        |controller, file| smallest(mounts.of(controller)?, path_of(cgroup, controller)?, file);
    let unified = of("", "memory.max");
    let v1 = of("memory", "memory.limit_in_bytes");
    unified.into_iter().chain(v1).min()
}

fn smallest(root: &Path, cgroup: &[u8], file: &str) -> Option<u64> {
    let below = proc::path_of(cgroup.strip_prefix(b"/")?);
    let folders = below.ancestors().map(|below| root.join(below));
    // "max" is no number.
    let limit = |folder: std::path::PathBuf| {
        let text = fs::read_to_string(folder.join(file)).ok()?;
        text.trim().parse().ok()
    };
    folders.filter_map(limit).min()
}

fn host_bytes() -> Option<u64> {
    let text = proc::text("/proc/meminfo").ok()?;
    let mut lines = text.lines();
    let total = lines.find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let pod = root.path().join("pods/one");
        fs::create_dir_all(&pod).expect("it can be made");
        let set = |folder: &Path, text: &str| {
            fs::write(folder.join("memory.max"), text).expect("it can be written");
        };
        set(&pod, "max\n");
        let mounts = Mounts::only("", root.path());
        let limit = || limit_bytes(&mounts, b"0::/pods/one\n");
        assert_eq!(limit(), None);
        set(&root.path().join("pods"), "1000\n");
        assert_eq!(limit(), Some(1000));
        set(&pod, "2000\n");
        assert_eq!(limit(), Some(1000));
    }

    #[test]
    fn there_is_room_for_a_hundred_thousand_in_the_limit_of_the_manifest() {
        assert!(room(128 << 19) > 100_000);
        assert_eq!(room(0), 4_096);
        assert_eq!(room(u64::MAX), 1 << 22);
    }
}
