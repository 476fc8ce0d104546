//! Names from the container runtime, whatever it does. No file has names and no pod is
//! watched, so that a name can only come from it. One line of verdict each.

use std::process;

use crate::agent::{Agent, eventually};
use crate::cgroup::{Cgroup, Child};
use crate::cri_server::{Behavior, CriServer, Listed};
use crate::row::Verdicts;
use api::{Container, Fact};

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_container_runtime_names_pods_whatever_it_does() {
    let mut verdicts = Verdicts::default();
    verdicts.of("there_before", there_before);
    verdicts.of("comes_later", comes_later);
    verdicts.of("absent_for_a_while", absent_for_a_while);
    verdicts.of("never_answers", never_answers);
    verdicts.of("garbage", garbage);
    verdicts.of("refuses", refuses);
    verdicts.of("refuses_a_view", refuses_a_view);
    verdicts.end();
}

/// A pod of its own for each test, and each run of it, with a zombie in its container and in
/// its pause process's cgroup.
struct Subject {
    listed: Listed,
    in_container: (Cgroup, Child),
    in_sandbox: (Cgroup, Child),
}

impl Subject {
    fn new(n: u32) -> Self {
        let run = process::id();
        let uid = format!("{run:08x}-0000-4000-8000-c010{n:08x}");
        let id = |what: &str| format!("{what:0>48}{run:08x}{n:08x}");
        let [sandbox, container] = [id("c01"), id("c02")];
        let dead_in = |id: &str| {
            let cgroup = Cgroup::unified(&format!("/kubepods/burstable/pod{uid}/{id}"));
            let dead = cgroup.death();
            (cgroup, dead)
        };
        Self {
            in_container: dead_in(&container),
            in_sandbox: dead_in(&sandbox),
            listed: Listed {
                pod: ["shop".to_owned(), "web-0".to_owned(), uid],
                sandbox,
                container: [container, "app".to_owned()],
            },
        }
    }

    fn place(agent: &Agent, dead: &Child) -> Option<Container> {
        let zombies = agent.zombies().items;
        let zombie = zombies.into_iter().find(|it| it.pid == dead.pid)?;
        zombie.container.as_deref().cloned()
    }

    fn names(agent: &Agent, dead: &Child) -> [Option<String>; 3] {
        let place = Self::place(agent, dead).unwrap_or_default();
        [place.namespace, place.pod, place.name]
    }

    #[track_caller]
    fn is_named(&self, agent: &Agent) {
        let whole = ["shop", "web-0", "app"].map(|name| Some(name.to_owned()));
        let [namespace, pod, _] = whole.clone();
        for (dead, expected) in [
            (&self.in_container.1, whole),
            (&self.in_sandbox.1, [namespace, pod, None]),
        ] {
            let named = eventually(|| Self::names(agent, dead) == expected);
            assert!(named, "{:#?}", Self::place(agent, dead));
        }
    }

    /// It is shown with its ids, and the agent answers other requests meanwhile.
    #[track_caller]
    fn is_unnamed(&self, agent: &Agent) {
        let dead = &self.in_container.1;
        let uid = Some(&self.listed.pod[2]);
        let place = || Self::place(agent, dead).unwrap_or_default();
        assert!(eventually(|| place().pod_uid.as_ref() == uid));
        assert_eq!((place().namespace, place().name), (None, None));
    }
}

fn agent_of(server: &CriServer) -> Agent {
    let root = server.folder().to_str().expect("it is UTF-8");
    let endpoint = server.endpoint();
    Agent::start(&["--host-root", root, "--cri-endpoint", &endpoint])
}

fn failures(agent: &Agent, reason: &str) -> f64 {
    let label = format!("reason=\"cri_{reason}\"");
    agent.metric("reapwatch_workload_lookups_failed_total", &label)
}

fn fact(agent: &Agent) -> Fact {
    let facts = agent.doctor().facts.into_iter();
    let mut facts = facts.filter(|fact| fact.name == "container runtime");
    facts.next().expect("it is a fact")
}

/// Asserts that metric, `doctor` and log report this failure; the log once, even if it recurs.
#[track_caller]
fn fails(agent: &Agent, reason: &str, found: &str, times: f64) {
    let failed = eventually(|| failures(agent, reason) >= times);
    assert!(failed, "{} of {reason}", failures(agent, reason));
    let fact = fact(agent);
    assert!(!fact.ok && fact.found.starts_with(found), "{fact:?}");
    assert!(fact.fix.is_some(), "{fact:?}");
    let log = agent.log();
    assert_eq!(log.matches("lookup failed").count(), 1, "{log}");
}

#[track_caller]
fn recovers(agent: &Agent) {
    let recovered = eventually(|| fact(agent).ok);
    assert!(recovered, "{:?}", fact(agent));
    let log = agent.log();
    assert_eq!(log.matches("lookup failed").count(), 1, "{log}");
}

fn there_before() {
    let subject = Subject::new(1);
    let server = CriServer::behaving(Behavior::Normal);
    server.add(subject.listed.clone());
    let agent = agent_of(&server);
    subject.is_named(&agent);
    assert!(fact(&agent).ok, "{:?}", fact(&agent));
    let labels = r#"container="app",namespace="shop",pod="web-0""#;
    let zombies = agent.metric("reapwatch_zombies", labels);
    assert!((zombies - 1.0).abs() < f64::EPSILON, "{zombies}");
    for reason in ["forbidden", "malformed", "disconnected", "slow", "server"] {
        assert!(failures(&agent, reason) < 0.5, "{reason}");
    }
    let lists = ["ListContainers", "ListPodSandbox"];
    let lists = lists.map(|name| format!("/runtime.v1.RuntimeService/{name}"));
    assert_eq!(server.asked(), lists, "it was asked for more than lists");
}

fn comes_later() {
    let server = CriServer::behaving(Behavior::Normal);
    let agent = agent_of(&server);
    assert!(eventually(|| fact(&agent).ok), "{:?}", fact(&agent));
    let subject = Subject::new(2);
    subject.is_unnamed(&agent);
    server.add(subject.listed.clone());
    // A new container makes the agent ask at once.
    let _other = Subject::new(7);
    subject.is_named(&agent);
}

fn absent_for_a_while() {
    let subject = Subject::new(3);
    let mut server = CriServer::absent();
    server.add(subject.listed.clone());
    let agent = agent_of(&server);
    fails(&agent, "disconnected", "not listening", 2.0);
    subject.is_unnamed(&agent);
    server.listen();
    subject.is_named(&agent);
    recovers(&agent);
}

fn never_answers() {
    let subject = Subject::new(4);
    let mut server = CriServer::behaving(Behavior::Silent);
    server.add(subject.listed.clone());
    let agent = agent_of(&server);
    subject.is_unnamed(&agent);
    fails(&agent, "slow", "timed out", 1.0);
    server.set_behavior(Behavior::Normal);
    subject.is_named(&agent);
    recovers(&agent);
}

fn garbage() {
    let subject = Subject::new(5);
    let mut server = CriServer::behaving(Behavior::Garbage);
    server.add(subject.listed.clone());
    let agent = agent_of(&server);
    fails(&agent, "malformed", "lookups fail", 2.0);
    subject.is_unnamed(&agent);
    server.set_behavior(Behavior::Normal);
    subject.is_named(&agent);
    recovers(&agent);
}

fn refuses() {
    let subject = Subject::new(6);
    // PERMISSION_DENIED.
    let mut server = CriServer::behaving(Behavior::Status(7));
    server.add(subject.listed.clone());
    let agent = agent_of(&server);
    fails(&agent, "forbidden", "denies", 2.0);
    server.set_behavior(Behavior::Normal);
    subject.is_named(&agent);
    recovers(&agent);
}

/// Likewise for a command that runs an agent inside itself.
fn refuses_a_view() {
    // UNIMPLEMENTED: a runtime of older versions.
    let server = CriServer::behaving(Behavior::Status(12));
    let file = server.folder().join("deaths.trace");
    let mut record = process::Command::new(crate::agent::REAPWATCH);
    record.arg("record").arg(file);
    record.args(["--for", "1s", "--cri-endpoint", &server.endpoint()]);
    let output = record.output().expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let fix = "speaks version 1 of CRI";
    assert_eq!(stderr.matches(fix).count(), 1, "{stderr}");
}
