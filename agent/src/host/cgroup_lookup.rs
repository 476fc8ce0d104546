//! Looks up cgroups in /proc and the cgroup file system. I/O, done off the loop.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::host::cgroups::{Mounts, Version1};
use crate::host::container_names::Disk;
use crate::host::membership;
use crate::host::proc;
use crate::probes;
use model::events::{CgroupVersion, Key};
use model::workload::pods::{News, Roster, Source};
use model::workload::{Answer, Ask, ContainerIds, Located, Named, Owner, path};

/// Maximum number of cgroups listed in one walk.
const MOST_CGROUPS: usize = 16_384;
/// Threads of one process that are looked at.
const THREADS: usize = 8;
/// Minimum time between two walks for single cgroups.
const WALK_EVERY_NS: u64 = 1_000_000_000;

/// State of the lookups.
#[derive(Debug)]
pub struct Looker {
    mounts: Mounts,
    v1: Option<Version1>,
    disk: Option<Disk>,
    watch: Option<Roster>,
    cri: Option<Roster>,
    /// Whether a name is wanted that the runtime may have.
    ask_cri: bool,
    walked_ns: u64,
}

/// Where names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Files that kubelet and the runtime leave on disk.
    pub disk: bool,
    /// A watch on pods.
    pub watch: bool,
    /// The container runtime.
    pub cri: bool,
}

impl Looker {
    /// For the host with this root.
    pub fn new(host_root: &Path, names: Sources) -> Self {
        Self {
            mounts: Mounts::find(),
            v1: Version1::find(),
            disk: names.disk.then(|| Disk::new(host_root)),
            watch: names.watch.then(Roster::default),
            cri: names.cri.then(Roster::default),
            ask_cri: false,
            walked_ns: 0,
        }
    }

    /// Sends one or more answers to a lookup.
    pub fn answer(&mut self, ask: Ask, send: &mut dyn FnMut(Answer)) {
        match ask {
            Ask::Walk => self.walk(send),
            Ask::Process(key) => {
                let path = self.path_of(key);
                send(Answer::Process(key, path.map(|path| self.located(&path))));
            }
            Ask::Cgroup { id, dead } => {
                // In a v1 hierarchy, /proc shows dead processes at the root.
                let own = (id.version == CgroupVersion::V2).then(|| self.membership_of(dead));
                let text = own.flatten();
                let path = text.as_deref().and_then(membership::unified);
                if path.is_none() && probes::now_ns() >= self.walked_ns + WALK_EVERY_NS {
                    self.walk(send);
                }
                send(Answer::Cgroup(id, path.map(|path| self.located(path))));
            }
            Ask::Name(ids) => {
                let named = self.name(&ids);
                send(Answer::Named(ids, named));
            }
        }
    }

    /// Takes news of pods from a source.
    pub fn hear(&mut self, source: Source, news: News, send: &mut dyn FnMut(Answer)) {
        let roster = match source {
            Source::Watch => &mut self.watch,
            Source::Cri => &mut self.cri,
        };
        if let Some(roster) = roster {
            let answers = roster.hear(news, probes::now_ns());
            answers.into_iter().for_each(&mut *send);
            send(Answer::Watched(source, roster.watched()));
        }
    }

    /// Whether, since the last call, a name was wanted that only the runtime may have.
    pub fn take_ask_cri(&mut self) -> bool {
        std::mem::take(&mut self.ask_cri)
    }

    /// From the best source that has it: the watch, the runtime, files. More complete names come
    /// first: a container's name is on disk before it is in the pod's status.
    fn name(&mut self, ids: &ContainerIds) -> Option<Named> {
        let named_in = |roster: &Option<Roster>| roster.as_ref().and_then(|it| it.find(ids));
        let watched = named_in(&self.watch);
        if let Some(found) = watched.as_ref().filter(|found| found.is_complete) {
            return Some(found.named.clone());
        }
        let answered = named_in(&self.cri);
        if let Some(found) = answered.as_ref().filter(|found| found.is_complete) {
            return Some(found.named.clone());
        }
        if let Some(cri) = &mut self.cri {
            // A name from a file is used until the runtime has answered.
            cri.want(ids.clone(), answered.is_some());
            self.ask_cri = true;
        }
        let on_disk = self.disk.as_ref().and_then(|disk| disk.find(ids));
        if on_disk.as_ref().is_some_and(|named| ids.are_named(named)) {
            return on_disk;
        }
        let found = watched.or(answered).map(|found| found.named);
        let named = found.or(on_disk);
        if let Some(watch) = &mut self.watch {
            watch.want(ids.clone(), named.is_some());
        }
        named
    }

    fn walk(&mut self, send: &mut dyn FnMut(Answer)) {
        let v1 = self.v1.map(|v1| (CgroupVersion::V1, v1.controller));
        for (version, controller) in [(CgroupVersion::V2, "")].into_iter().chain(v1) {
            let began_ns = probes::now_ns();
            if let Some(root) = self.mounts.root_of(controller) {
                let (cgroups, complete) = list(root);
                let cgroups = cgroups.into_iter();
                let cgroups = cgroups.map(|(id, path)| (id, self.located(&path)));
                let cgroups = cgroups.collect();
                send(Answer::Walked {
                    version,
                    began_ns,
                    cgroups,
                    complete,
                });
            }
        }
        self.walked_ns = probes::now_ns();
    }

    /// A path, with the owner of the unit around it if that matters.
    fn located(&self, path: &str) -> Located {
        let unit = path::unit_around(path);
        Located {
            path: path.to_owned(),
            owner: unit.map_or(Owner::Unknown, |unit| self.mounts.owner_of(unit)),
        }
    }

    /// The most specific cgroup of a process. In v1 hierarchies, a first thread that has exited shows
    /// the root while the other threads are elsewhere.
    fn path_of(&self, process: Key) -> Option<String> {
        let best = |text: String| membership::best(&text).map(str::to_owned);
        let path = best(self.membership_of(process)?)?;
        if path != "/" {
            return Some(path);
        }
        let others = proc::threads(process.tgid, THREADS).into_iter();
        let others = others.filter(|tid| *tid != process.tgid);
        let file = |tid: u32| format!("task/{tid}/cgroup");
        let mut paths = others.filter_map(|tid| best(self.membership_in(process, &file(tid))?));
        Some(paths.find(|path| path != "/").unwrap_or(path))
    }

    /// The cgroup file of a process, if it is still the same process.
    fn membership_of(&self, process: Key) -> Option<String> {
        self.membership_in(process, "cgroup")
    }

    /// One of its cgroup files.
    fn membership_in(&self, process: Key, file: &str) -> Option<String> {
        let text = fs::read(format!("/proc/{}/{file}", process.tgid)).ok()?;
        let start_ns = probes::start_ns(process.tgid)?;
        let same = process.is_roughly(Key {
            start_ns,
            ..process
        });
        // Paths are only displayed and compared here; `Looker::list` replaces the same bytes.
        same.then(|| String::from_utf8_lossy(&self.mounts.with_whole_paths(&text)).into_owned())
    }
}

/// All cgroups below a root, nearest first, and whether the list is complete.
fn list(root: &Path) -> (Vec<(u64, String)>, bool) {
    let mut found = Vec::new();
    let mut folders = VecDeque::from([root.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        if found.len() >= MOST_CGROUPS {
            return (found, false);
        }
        // Removed since it was listed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::workload::pods::Pod;

    const ON_DISK: Sources = Sources {
        disk: true,
        watch: false,
        cri: false,
    };

    #[test]
    fn the_most_specific_source_wins_then_the_first() {
        let id = "ab".repeat(32);
        let ids = ContainerIds {
            container: Some(id.clone()),
            pod_uid: Some("uid".to_owned()),
        };
        let root = tempfile::tempdir().expect("a folder can be made");
        let logs = root.path().join("var/log/containers");
        fs::create_dir_all(&logs).expect("ours");
        let all = Sources {
            disk: true,
            watch: true,
            cri: true,
        };
        let mut looker = Looker::new(root.path(), all);
        let pod = |container: Option<&str>| Pod {
            uid: "uid".to_owned(),
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
            containers: container
                .map(|name| (id.clone(), name.to_owned()))
                .into_iter()
                .collect(),
            ..Pod::default()
        };
        let container = |named: Option<Named>| named.map(|named| named.container);
        let is = |name: &str| Some(Some(name.to_owned()));
        assert_eq!(container(looker.name(&ids)), None);
        looker.hear(Source::Watch, News::There(pod(None)), &mut |_| {});
        assert_eq!(container(looker.name(&ids)), Some(None));
        fs::write(logs.join(format!("web-0_shop_disk-{id}.log")), "").expect("ours");
        assert_eq!(container(looker.name(&ids)), is("disk"));
        // The runtime is asked until it knows the container; then its answer wins.
        assert!(looker.take_ask_cri() && !looker.take_ask_cri());
        let mut answers = Vec::new();
        let news = News::All(vec![pod(Some("runtime"))]);
        looker.hear(Source::Cri, news, &mut |answer| answers.push(answer));
        assert!(
            matches!(&answers[0], Answer::Named(_, named) if container(named.clone()) == is("runtime")),
            "{answers:?}"
        );
        assert_eq!(container(looker.name(&ids)), is("runtime"));
        looker.hear(
            Source::Watch,
            News::There(pod(Some("watched"))),
            &mut |_| {},
        );
        assert_eq!(container(looker.name(&ids)), is("watched"));
        assert!(!looker.take_ask_cri(), "nothing was left to ask for");
    }

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
    fn the_cgroup_path_of_this_process_is_found() {
        let tgid = std::process::id();
        let start_ns = probes::start_ns(tgid).expect("it lives");
        let me = Key { tgid, start_ns };
        let mut answers = Vec::new();
        let mut looker = Looker::new(Path::new("/"), ON_DISK);
        looker.answer(Ask::Process(me), &mut |answer| answers.push(answer));
        assert!(
            matches!(&answers[..], [Answer::Process(key, Some(path))] if *key == me && path.path.starts_with('/')),
            "{answers:?}"
        );
        let other = Key { tgid, start_ns: 1 };
        answers.clear();
        looker.answer(Ask::Process(other), &mut |answer| answers.push(answer));
        assert!(
            matches!(answers[..], [Answer::Process(_, None)]),
            "{answers:?}"
        );
    }
}
