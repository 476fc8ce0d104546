//! The freezer that holds a process, and the other processes that a thaw would resume. I/O.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::proc;
use model::culprit::evidence::{Freezer, Frozen};

/// Cgroups that are looked at.
const FOLDERS: usize = 256;
/// Processes that are named.
const NAMED: usize = 3;

/// All processes in the frozen cgroup and below it, except `pid`.
pub fn others(freezer: &Freezer, pid: u32) -> Frozen {
    within(&freezer.cgroup, pid)
}

fn within(cgroup: &Path, pid: u32) -> Frozen {
    let mut found = Frozen::default();
    let mut folders = VecDeque::from([cgroup.to_owned()]);
    let mut looked_at = 0;
    while let Some(folder) = folders.pop_front() {
        looked_at += 1;
        if looked_at > FOLDERS {
            found.is_lower_bound = true;
            break;
        }
        let members = fs::read(folder.join("cgroup.procs")).unwrap_or_default();
        let members = String::from_utf8_lossy(&members);
        for member in members.lines().filter_map(|line| line.parse().ok()) {
            if member == pid {
                continue;
            }
            found.others += 1;
            if found.some.len() < NAMED {
                found
                    .some
                    .push((member, proc::comm(member).unwrap_or_default()));
            }
        }
        folders.extend(below(&folder));
    }
    found
}

fn below(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_descendants_are_all_counted_and_some_named() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let inner = root.path().join("inner");
        fs::create_dir(&inner).expect("a folder can be made");
        let write = |folder: &Path, text| {
            fs::write(folder.join("cgroup.procs"), text).expect("a file can be written");
        };
        write(root.path(), "7\n8\n");
        write(&inner, "9\n10\n11\n");
        let found = within(root.path(), 8);
        assert_eq!((found.others, found.is_lower_bound), (4, false));
        let pids: Vec<_> = found.some.iter().map(|(pid, _)| *pid).collect();
        assert_eq!(pids, [7, 9, 10]);
    }
}
