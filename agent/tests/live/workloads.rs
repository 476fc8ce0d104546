//! Containers, pods and units: each death, zombie and culprit belongs to its own, also when the
//! cgroup is gone. One line of verdict each.

use std::fs;

use tempfile::TempDir;

use crate::agent::{Agent, eventually};
use crate::cgroup::{Cgroup, Child};
use crate::hierarchies;
use crate::row::Verdicts;
use crate::stream::Stream;
use api::{Container, Qos, Zombie};

pub(crate) const UID: &str = "3f1c2b4e-7a90-4d1e-8c55-0a1b2c3d4e5f";
pub(crate) const UID_: &str = "3f1c2b4e_7a90_4d1e_8c55_0a1b2c3d4e5f";
const CHURN: u64 = 400;
const MAX_GROUPS: usize = 256;

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn every_workload_is_named() {
    let mut verdicts = Verdicts::default();
    let removed = Cgroup::unified("/system.slice/rw-before.service");
    let (removed_id, dead_before) = (removed.id(), removed.death());
    removed.remove();
    let host = host(&[
        &format!("var/log/containers/web-0_shop_app-{}.log", id(1)),
        &format!("var/log/pods/shop_web-0_{UID}/app/0.log"),
        &format!("var/log/containers/web-0_shop_leaky-{}.log", id(4)),
    ]);
    let agent = agent_on(&host);
    verdicts.of("cgroup_removed_before_agent", || {
        cgroup_removed_before(&agent, removed_id, &dead_before);
    });
    verdicts.of("pod_by_its_log", || pod_by_its_log(&agent));
    verdicts.of("nested_by_its_pod", || nested_by_its_pod(&agent));
    verdicts.of("unit", || unit(&agent));
    verdicts.of("pod_of_a_user", || pod_of_a_user(&agent));
    verdicts.of("pod_in_a_delegated_unit", || {
        pod_in_a_delegated_unit(&agent);
    });
    verdicts.of("cgroup_removed_with_zombie", || {
        cgroup_removed_with_zombie(&agent);
    });
    verdicts.of("culprit_in_pod", || culprit_in_pod(&agent));
    drop(agent);
    hierarchies::judge(&mut verdicts);
    verdicts.of("short_lived_groups", short_lived_groups);
    verdicts.end();
}

/// A container id of 64 digits that ends with these.
pub(crate) fn id(end: u32) -> String {
    format!("{:0>56}{end:08x}", "a1b2c3d4e5f6")
}

/// A host with these files of kubelet.
pub(crate) fn host(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a folder can be made");
    for file in files {
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().expect("it is in a folder"))
            .expect("the folder is writable");
        fs::write(file, "").expect("the folder is writable");
    }
    root
}

pub(crate) fn agent_on(host: &TempDir) -> Agent {
    let root = host.path().to_str().expect("it is UTF-8");
    Agent::start(&["--host-root", root])
}

pub(crate) fn zombie(agent: &Agent, pid: u32) -> Option<Zombie> {
    let zombies = agent.zombies().items.into_iter();
    zombies.into_iter().find(|zombie| zombie.pid == pid)
}

/// The container of a zombie, once it is as expected.
pub(crate) fn placed(
    agent: &Agent,
    zombie_of: &Child,
    wanted: impl Fn(&Container) -> bool,
) -> Container {
    let mut last = None;
    let found = eventually(|| {
        last = zombie(agent, zombie_of.pid);
        let container = last.as_ref().and_then(|it| it.container.as_deref());
        container.is_some_and(&wanted)
    });
    assert!(found, "{last:#?}");
    let container = last.and_then(|it| it.container.as_deref().cloned());
    container.expect("it was there")
}

fn pod_by_its_log(agent: &Agent) {
    let id = id(1);
    let mut stream = Stream::of(agent);
    let cgroup = Cgroup::unified(&format!("/kubepods/besteffort/pod{UID}/{id}"));
    let dead = cgroup.death();
    let place = placed(agent, &dead, |it| it.name.as_deref() == Some("app"));
    let expected = Container {
        id: Some(id),
        name: Some("app".to_owned()),
        runtime: None,
        pod: Some("web-0".to_owned()),
        pod_uid: Some(UID.to_owned()),
        qos: Some(Qos::Besteffort.into()),
        namespace: Some("shop".to_owned()),
        unit: None,
        user_unit: None,
        user: None,
        cgroup: Some(cgroup.path.clone()),
        cgroup_id: Some(cgroup.id()),
        of_parent: false,
    };
    assert_eq!(place, expected);
    let labels = r#"container="app",namespace="shop",pod="web-0",unit="""#;
    let counted = |name, labels| agent.metric(name, labels) as u64;
    assert_eq!(counted("reapwatch_zombies", labels), 1);
    let pid = dead.pid;
    drop(dead);
    let line = stream.line_where(|line| line.pid == pid);
    assert_eq!(line.container, Some(expected));
    assert!(eventually(
        || agent.metric("reapwatch_zombies", labels) == 0.0
    ));
    assert_eq!(counted("reapwatch_reaped_total", labels), 1);
    let exits = r#"container="app",kind="exited",namespace="shop",pod="web-0""#;
    assert_eq!(counted("reapwatch_exits_total", exits), 1);
}

fn nested_by_its_pod(agent: &Agent) {
    let slices = format!(
        "/docker/{}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/\
         kubelet-kubepods-burstable-pod{UID_}.slice",
        id(2)
    );
    let cgroup = Cgroup::unified(&format!("{slices}/cri-containerd-{}.scope", id(3)));
    let dead = cgroup.death();
    let place = placed(agent, &dead, |it| it.pod.is_some());
    assert_eq!(place.id, Some(id(3)));
    assert_eq!(place.runtime.as_deref(), Some("containerd"));
    assert_eq!(place.pod.as_deref(), Some("web-0"));
    assert_eq!(place.namespace.as_deref(), Some("shop"));
    assert_eq!(place.qos, Some(Qos::Burstable.into()));
    assert_eq!(place.name, None, "nothing names the container");
}

fn pod_of_a_user(agent: &Agent) {
    let pod = format!("kubepods/besteffort/pod{UID}/{}", id(1));
    let cgroup = Cgroup::unified(&format!("/user.slice/user-7.slice/user@7.service/{pod}"));
    let dead = cgroup.death();
    let place = placed(agent, &dead, |it| it.unit.is_some());
    assert_eq!((place.pod, place.pod_uid, place.name), (None, None, None));
    assert_eq!(place.unit.as_deref(), Some("user@7.service"));
    assert_eq!(place.user, Some(7));
}

fn pod_in_a_delegated_unit(agent: &Agent) {
    let unit = Cgroup::unified("/system.slice/rw-delegated.service");
    std::os::unix::fs::chown(unit.folder(), Some(7), None).expect("this is root");
    let cgroup = Cgroup::unified(&format!("{}/kubepods/pod{UID}/{}", unit.path, id(1)));
    let dead = cgroup.death();
    let place = placed(agent, &dead, |it| it.unit.is_some());
    assert_eq!((place.pod, place.pod_uid, place.name), (None, None, None));
    assert_eq!(place.unit.as_deref(), Some("rw-delegated.service"));
    assert_eq!(place.user, Some(7));
    drop(dead);
    drop(cgroup);
}

fn unit(agent: &Agent) {
    let cgroup = Cgroup::unified("/system.slice/rw\\x2dtest.service");
    let dead = cgroup.death();
    let place = placed(agent, &dead, |_| true);
    assert_eq!(place.unit.as_deref(), Some("rw-test.service"));
    assert_eq!(place.id, None);
    let table = crate::agent::view(&["zombies"], agent.socket());
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let pid = dead.pid.to_string();
    let row = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(&pid));
    assert!(
        row.is_some_and(|row| row.contains("rw-test.service")),
        "{table}"
    );
}

fn cgroup_removed_with_zombie(agent: &Agent) {
    let cgroup = Cgroup::unified("/system.slice/rw-removed.service");
    let dead = cgroup.death();
    cgroup.remove();
    let place = placed(agent, &dead, |_| true);
    assert_eq!(place.unit.as_deref(), Some("rw-removed.service"));
}

/// The cgroup and its zombie are older than the agent, and the cgroup is gone.
fn cgroup_removed_before(agent: &Agent, id: u64, dead: &Child) {
    let place = placed(agent, dead, |it| it.cgroup.is_some());
    assert_eq!(place.unit.as_deref(), Some("rw-before.service"));
    assert!(place.cgroup_id.is_none_or(|known| known == id), "{place:?}");
}

fn culprit_in_pod(agent: &Agent) {
    let id = id(4);
    let cgroup = Cgroup::unified(&format!("/kubepods/pod{UID}/{id}"));
    let leaky = cgroup.leak();
    let is_named = |container: Option<&Container>| {
        let names = container.map(|it| [&it.namespace, &it.pod, &it.name]);
        let names = names.map(|all| all.map(|it| it.as_deref()));
        names == Some(["shop", "web-0", "leaky"].map(Some))
    };
    let named = eventually(|| {
        agent
            .culprit(leaky.pid)
            .is_some_and(|it| is_named(it.container.as_ref()))
    });
    assert!(named, "{:#?}", agent.culprit(leaky.pid));
    let held = |zombie: &Zombie| zombie.parent.as_ref().is_some_and(|it| it.pid == leaky.pid);
    let zombies = agent.zombies().items;
    let zombie = zombies.into_iter().find(held).expect("it is still there");
    assert!(is_named(zombie.container.as_deref()), "{zombie:#?}");
    assert!(is_named(zombie.parent_container.as_deref()), "{zombie:#?}");
    for pid in [leaky.pid, zombie.pid] {
        let story = agent.explain(pid).story;
        assert!(is_named(story.container.as_ref()), "{story:#?}");
    }
    let table = crate::agent::view(&["culprits", "--table"], agent.socket());
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("shop/web-0/leaky"), "{table}");
    let counted = agent.series("reapwatch_culprits").into_iter();
    let mut counted = counted.filter(|line| line.contains(r#"container="leaky""#));
    let line = counted.next().expect("it is a culprit");
    assert!(
        line.contains(r#"namespace="shop",pod="web-0",unit="""#),
        "{line}"
    );
    assert!(line.ends_with("} 1"), "{line}");
}

fn short_lived_groups() {
    let groups = MAX_GROUPS.to_string();
    let agent = Agent::start(&["--max-groups", &groups]);
    for n in 0..CHURN {
        let cgroup = Cgroup::unified(&format!("/rw-churn/{n}.service"));
        let dead = cgroup.death();
        drop(dead);
        cgroup.remove();
    }
    drop(Cgroup::unified("/rw-churn"));
    let exits = |wanted: &str| {
        let series = agent.series("reapwatch_exits_total");
        let lines = series.iter().filter(|line| line.contains(wanted));
        let exited = lines.filter(|line| line.contains("kind=\"exited\""));
        let values = exited.map(|line| line.rsplit(' ').next().expect("a value"));
        values
            .map(|value| value.parse::<u64>().expect("a count"))
            .sum::<u64>()
    };
    let counted = || exits(".service\"} ") + exits("~other");
    let all = eventually(|| counted() >= CHURN);
    assert!(all, "{} of {CHURN}", counted());
    let series = agent.series("reapwatch_reaped_total");
    assert!(series.len() <= MAX_GROUPS + 2, "{} groups", series.len());
    assert!(exits("~other") > 0, "all had room");
    // Failed look-ups are no measure: other tests remove cgroups too, with zombies in them.
    assert_eq!(exits("~unattributed"), 0);
}
