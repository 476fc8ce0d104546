//! Hierarchies of version 1, and an agent in a cgroup namespace of its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use scenarios::truth::Lack;
use tempfile::TempDir;

use crate::agent::{Agent, REAPWATCH, eventually};
use crate::cgroup::{Cgroup, Child};
use crate::row::Verdicts;
use crate::scenario::Staying;
use crate::workloads::{UID, UID_, agent_on, host, id, placed};
use api::Zombie;

/// Controllers from which the kernel side knows the cgroup of a dead process.
const TELLING: [&str; 3] = ["pids", "memory", "cpu"];

/// The first part needs that none of version 1 is mounted yet.
pub(crate) fn judge(verdicts: &mut Verdicts) {
    let telling = TELLING.iter().find(|name| is_version_1(name));
    match telling {
        None => verdicts.of("version_1_by_parent", version_1_by_parent),
        Some(name) => Verdicts::skip(&Lack {
            name: "version_1_by_parent".to_owned(),
            lacks: format!("a host without {name} in version 1"),
        }),
    }
    verdicts.of("version_1_by_its_own", version_1_by_its_own);
    verdicts.of("version_1_removed", version_1_removed);
    verdicts.of("version_1_leader_exited", version_1_leader_exited);
    verdicts.of("pids_of_a_pod", pids_of_a_pod);
    verdicts.of("agent_in_a_namespace", agent_in_a_namespace);
}

fn is_version_1(controller: &str) -> bool {
    let own = fs::read_to_string("/proc/self/cgroup").expect("it is readable");
    own.lines().any(|line| {
        let controllers = line.split(':').nth(1).unwrap_or_default();
        controllers.split(',').any(|name| name == controller)
    })
}

/// A hierarchy of version 1, mounted for the test.
struct Hierarchy(TempDir);

impl Hierarchy {
    fn mounted(options: &std::ffi::CStr) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let none = MountFlags::empty();
        mount(c"cgroup", folder.path(), c"cgroup", none, Some(options))
            .expect("a hierarchy of version 1 can be mounted");
        Self(folder)
    }

    fn root(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        let _busy = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

/// The zombie that a leaking process holds, once its container has this name.
fn held_by(agent: &Agent, leaky: &Child, name: &str) -> Zombie {
    let mut last = None;
    let named = eventually(|| {
        let held = |zombie: &Zombie| zombie.parent.as_ref().is_some_and(|it| it.pid == leaky.pid);
        last = agent.zombies().items.into_iter().find(held);
        let container = last.as_ref().and_then(|zombie| zombie.container.as_ref());
        container.is_some_and(|it| it.name.as_deref() == Some(name))
    });
    assert!(named, "{last:#?}");
    last.expect("it was there")
}

/// Without a controller the kernel side does not know it, and /proc shows the dead at the root.
fn version_1_by_parent() {
    let systemd = Hierarchy::mounted(c"none,name=systemd");
    let id = id(5);
    let host = host(&[&format!("var/log/containers/web-0_shop_old-{id}.log")]);
    let agent = agent_on(&host);
    let cgroup = Cgroup::below(
        systemd.root(),
        &format!("/kubepods.slice/kubepods-pod{UID_}.slice/crio-{id}.scope"),
    );
    let leaky = cgroup.leak();
    let container = held_by(&agent, &leaky, "old").container;
    let container = container.expect("it was there");
    assert!(container.of_parent, "{container:?}");
    assert_eq!(container.runtime.as_deref(), Some("crio"));
    assert_eq!(container.cgroup.as_deref(), Some(cgroup.path.as_str()));
}

/// The parent is the test, which is elsewhere; the cgroup is older than the agent.
fn version_1_by_its_own() {
    let pids = Hierarchy::mounted(c"pids");
    let id = id(6);
    let cgroup = Cgroup::below(pids.root(), &format!("/kubepods/pod{UID}/{id}"));
    let before = cgroup.death();
    let host = host(&[&format!("var/log/containers/web-0_shop_own-{id}.log")]);
    let agent = agent_on(&host);
    let after = cgroup.death();
    for dead in [&before, &after] {
        let place = placed(&agent, dead, |it| it.name.as_deref() == Some("own"));
        assert_eq!(place.pod.as_deref(), Some("web-0"));
        assert_eq!(place.cgroup.as_deref(), Some(cgroup.path.as_str()));
        assert_eq!(place.cgroup_id, Some(cgroup.id()));
        assert!(!place.of_parent, "{place:?}");
    }
    let counted = agent.metric("reapwatch_zombies", r#"container="own",namespace="shop""#);
    assert_eq!(counted as u64, 2);
    let doctor = agent.doctor();
    let probe = doctor.probes.iter().find(|it| it.probe == "cgroup_v1");
    let hook = probe.and_then(|it| it.hook.as_deref());
    assert_eq!(hook, Some("css_set:pids"), "{doctor:#?}");
}

fn version_1_removed() {
    let pids = Hierarchy::mounted(c"pids");
    let agent = Agent::start(&[]);
    let cgroup = Cgroup::below(pids.root(), "/system.slice/rw-old.service");
    let dead = cgroup.death();
    cgroup.remove();
    let place = placed(&agent, &dead, |_| true);
    assert_eq!(place.unit.as_deref(), Some("rw-old.service"));
    assert!(!place.of_parent, "{place:?}");
}

/// /proc shows its first thread, which has exited, at the root.
fn version_1_leader_exited() {
    let pids = Hierarchy::mounted(c"pids");
    let one = Staying::start("leader_exited");
    let cgroup = Cgroup::below(pids.root(), "/system.slice/rw-threads.service");
    cgroup.set("cgroup.procs", &one.stay.pid.to_string());
    let agent = Agent::start(&[]);
    let mut container = None;
    let placed = eventually(|| {
        container = agent.explain(one.stay.pid).story.container;
        let unit = container.as_ref().and_then(|it| it.unit.as_deref());
        unit == Some("rw-threads.service")
    });
    drop(one);
    assert!(placed, "{container:?}");
}

fn pids_of_a_pod() {
    let pids = Hierarchy::mounted(c"pids");
    let id = id(7);
    let host = host(&[&format!("var/log/containers/web-0_shop_full-{id}.log")]);
    let agent = agent_on(&host);
    let outer = Cgroup::below(pids.root(), &format!("/kubepods/pod{UID}"));
    outer.set("pids.max", "50");
    let cgroup = Cgroup::below(pids.root(), &format!("{}/{id}", outer.path));
    cgroup.set("pids.max", "10");
    let _leaky = cgroup.leak();
    let mut last = Vec::new();
    let is_reported = eventually(|| {
        last = agent.culprits_and_pids().pids;
        let of = |path: &str| last.iter().find(|it| it.scope.name() == path);
        let (Some(pod), Some(inner)) = (of(&outer.path), of(&cgroup.path)) else {
            return false;
        };
        let owners = [pod, inner].map(|it| it.container.as_ref().and_then(|it| it.pod_uid.clone()));
        let name = inner.container.as_ref().and_then(|it| it.name.as_deref());
        owners.iter().all(|it| it.as_deref() == Some(UID))
            && name == Some("full")
            && [pod, inner].iter().all(|it| it.zombies == Some(1))
            && (pod.used, pod.limit, inner.limit) == (2, 50, 10)
    });
    assert!(is_reported, "{last:#?}");
    let labels = r#"namespace="shop",pod="web-0",scope=""#;
    let used = agent.series("reapwatch_pids_used").into_iter();
    let named = used.filter(|line| line.contains(r#"container="full""#) && line.contains(labels));
    assert_eq!(named.count(), 1);
}

/// As in a pod on a host with version 2: what is mounted is the host's, and paths are seen from
/// the agent's own cgroup.
fn agent_in_a_namespace() {
    let frozen = Cgroup::unified("/rw-space/rw-frozen.service");
    let own = Cgroup::unified("/rw-space/agent/inner");
    let leaky = frozen.leak();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut program = Command::new(REAPWATCH);
    let procs = own.folder().join("cgroup.procs");
    // SAFETY: between fork and exec it makes system calls only.
    unsafe {
        program.pre_exec(move || {
            fs::write(&procs, "0")?;
            match libc::unshare(libc::CLONE_NEWCGROUP) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let agent = Agent::start_as(program, &[], &folder.path().join("s.sock"));
    frozen.set("cgroup.freeze", "1");
    let mut last = None;
    let is_reported = eventually(|| {
        last = agent.culprit(leaky.pid);
        let verdict = last.as_ref().and_then(|it| it.verdict.as_ref());
        verdict.is_some_and(|it| it.id == "parent_frozen")
    });
    frozen.set("cgroup.freeze", "0");
    assert!(is_reported, "{last:#?}");
    let culprit = last.expect("it was there");
    let container = culprit.container.expect("it has a unit");
    assert_eq!(container.cgroup.as_deref(), Some(frozen.path.as_str()));
    let remedy = culprit.verdict.expect("it was there").remedy;
    let file = frozen.folder().join("cgroup.freeze");
    assert!(remedy.contains(&*file.to_string_lossy()), "{remedy}");
}
