//! Answers questions about cgroups from /proc and the cgroup file system. I/O, done off the loop.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Answer, Ask, ROOT_ID, membership, names::Disk};
use crate::{events::Key, kernel};

/// The most cgroups that one walk lists.
const MOST_CGROUPS: usize = 16_384;
/// The least time between two walks for the sake of single cgroups.
const WALK_EVERY_NS: u64 = 1_000_000_000;

/// Who looks, and where.
#[derive(Debug)]
pub struct Looker {
    unified: Option<PathBuf>,
    names: Disk,
    walked_ns: u64,
}

impl Looker {
    /// For the host whose root is there.
    pub fn new(host_root: &Path) -> Self {
        Self {
            unified: unified_root(host_root),
            names: Disk::new(host_root),
            walked_ns: 0,
        }
    }

    /// Answers one question, with one answer or more.
    pub fn answer(&mut self, ask: Ask, tell: &mut dyn FnMut(Answer)) {
        match ask {
            Ask::Walk => self.walk(tell),
            Ask::Process(key) => {
                let text = membership_of(key);
                let path = text.as_deref().and_then(membership::best);
                tell(Answer::Process(key, path.map(str::to_owned)));
            }
            Ask::Cgroup { id, dead } => {
                let text = membership_of(dead);
                let path = text.as_deref().and_then(membership::unified);
                if path.is_none() && kernel::now_ns() >= self.walked_ns + WALK_EVERY_NS {
                    self.walk(tell);
                }
                tell(Answer::Cgroup(id, path.map(str::to_owned)));
            }
            Ask::Name(who) => {
                let named = self.names.find(&who);
                tell(Answer::Named(who, named));
            }
        }
    }

    fn walk(&mut self, tell: &mut dyn FnMut(Answer)) {
        let began_ns = kernel::now_ns();
        if let Some(root) = &self.unified {
            let (cgroups, complete) = list(root);
            tell(Answer::Walked {
                began_ns,
                cgroups,
                complete,
            });
        }
        self.walked_ns = kernel::now_ns();
    }
}

/// What a process's file says, if it is still the same process.
fn membership_of(who: Key) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/cgroup", who.tgid)).ok()?;
    let start_ns = kernel::start_ns(who.tgid)?;
    let same = who.is_roughly(Key { start_ns, ..who });
    same.then_some(text)
}

/// All cgroups below a root, those near it first, and whether that is all of them.
fn list(root: &Path) -> (Vec<(u64, String)>, bool) {
    let mut found = Vec::new();
    let mut folders = VecDeque::from([root.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        if found.len() >= MOST_CGROUPS {
            return (found, false);
        }
        // Gone since it was listed.
        let Ok(metadata) = fs::metadata(&folder) else {
            continue;
        };
        let path = folder.strip_prefix(root).unwrap_or(&folder);
        found.push((metadata.ino(), format!("/{}", path.to_string_lossy())));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
    (found, true)
}

/// Where the whole unified hierarchy is mounted. A mount of a part of it has another root.
fn unified_root(host_root: &Path) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let unified = kind.starts_with("cgroup2 ");
        place
            .split(' ')
            .nth(4)
            .filter(|_| unified)
            .map(PathBuf::from)
    });
    let usual = ["sys/fs/cgroup", "sys/fs/cgroup/unified"].map(|place| host_root.join(place));
    mounted.chain(usual).find(|place| is_root(place))
}

fn is_root(place: &Path) -> bool {
    let procs = place.join("cgroup.procs").exists();
    procs && fs::metadata(place).is_ok_and(|metadata| metadata.ino() == ROOT_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_listed_by_inode_and_path() {
        let root = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir_all(root.path().join("a/b")).expect("ours");
        fs::write(root.path().join("a/cgroup.procs"), "").expect("ours");
        let (found, complete) = list(root.path());
        let paths: Vec<_> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["/", "/a", "/a/b"]);
        let inode = fs::metadata(root.path().join("a/b"))
            .expect("it is there")
            .ino();
        assert_eq!(found[2].0, inode);
        assert!(complete);
    }

    #[test]
    fn a_folder_that_is_no_hierarchy_is_not_its_root() {
        let root = tempfile::tempdir().expect("a folder can be made");
        fs::write(root.path().join("cgroup.procs"), "").expect("ours");
        assert!(!is_root(root.path()));
    }

    #[test]
    fn of_this_process_there_is_a_path() {
        let tgid = std::process::id();
        let start_ns = kernel::start_ns(tgid).expect("it lives");
        let me = Key { tgid, start_ns };
        let mut told = Vec::new();
        let mut looker = Looker::new(Path::new("/"));
        looker.answer(Ask::Process(me), &mut |answer| told.push(answer));
        assert!(
            matches!(&told[..], [Answer::Process(key, Some(path))] if *key == me && path.starts_with('/')),
            "{told:?}"
        );
        let other = Key { tgid, start_ns: 1 };
        told.clear();
        looker.answer(Ask::Process(other), &mut |answer| told.push(answer));
        assert!(matches!(told[..], [Answer::Process(_, None)]), "{told:?}");
    }
}
