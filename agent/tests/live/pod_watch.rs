//! Names by a watch on pods, whatever its server does. No file has names, so that a
//! name can only come from the watch. One line of verdict each.

use std::{fs, process};

use tempfile::TempDir;

use crate::agent::{Agent, eventually};
use crate::api_server::{Answer, ApiServer};
use crate::cgroup::{Cgroup, Child};
use crate::row::Verdicts;
use api::Container;

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_watch_names_pods_whatever_its_server_does() {
    let mut verdicts = Verdicts::default();
    verdicts.of("listed", listed);
    verdicts.of("changes", changes);
    verdicts.of("static_pod", static_pod);
    verdicts.of("bookmark_then_end", bookmark_then_end);
    verdicts.of("expired_by_status", expired_by_status);
    verdicts.of("expired_by_event", expired_by_event);
    verdicts.of("broken_in_a_line", broken_in_a_line);
    verdicts.of("garbage", garbage);
    verdicts.of("ends_at_once", ends_at_once);
    verdicts.of("server_away_for_a_while", server_away_for_a_while);
    verdicts.of("never_answers_first", never_answers_first);
    verdicts.of("forbidden", forbidden);
    verdicts.end();
}

const NODE: &str = "node-a";

/// A pod of its own for each test, and each run of it.
struct Subject {
    uid: String,
    id: String,
    cgroup: Cgroup,
    dead: Child,
}

impl Subject {
    /// With a zombie in its container.
    fn new(n: u32) -> Self {
        let run = process::id();
        let uid = format!("{run:08x}-0000-4000-8000-5e1f{n:08x}");
        let id = format!("{:0>48}{run:08x}{n:08x}", "5e1f");
        let cgroup = Cgroup::unified(&format!("/kubepods/burstable/pod{uid}/{id}"));
        let dead = cgroup.death();
        Self {
            uid,
            id,
            cgroup,
            dead,
        }
    }

    /// As the API has it, before kubelet has written the container into it, and after.
    fn pod(&self, version: u64, with_container: bool) -> String {
        let statuses = if with_container {
            format!(
                r#"{{"name":"app","ready":true,"restartCount":0,"image":"i","imageID":"","containerID":"containerd://{}"}}"#,
                self.id
            )
        } else {
            String::new()
        };
        let uid = &self.uid;
        format!(
            r#"{{"metadata":{{"name":"web-0","namespace":"shop","uid":"{uid}","resourceVersion":"{version}"}},"spec":{{"nodeName":"{NODE}","containers":[]}},"status":{{"phase":"Running","containerStatuses":[{statuses}]}}}}"#
        )
    }

    fn whole(&self) -> String {
        self.pod(5, true)
    }

    fn place(&self, agent: &Agent) -> Option<Container> {
        let zombies = agent.zombies().items;
        let zombie = zombies.into_iter().find(|it| it.pid == self.dead.pid)?;
        zombie.container.as_deref().cloned()
    }

    fn names(&self, agent: &Agent) -> [Option<String>; 3] {
        let place = self.place(agent).unwrap_or_default();
        [place.namespace, place.pod, place.name]
    }

    #[track_caller]
    fn is_named(&self, agent: &Agent) {
        let expected = ["shop", "web-0", "app"].map(|name| Some(name.to_owned()));
        let named = eventually(|| self.names(agent) == expected);
        assert!(named, "{:#?}", self.place(agent));
    }
}

fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

/// An agent that has names from this server only, and the root of its empty host.
fn agent_of(server: &ApiServer) -> (Agent, TempDir) {
    let root = tempfile::tempdir().expect("a folder can be made");
    let agent = agent_on(server, &root, "watch");
    (agent, root)
}

fn agent_on(server: &ApiServer, root: &TempDir, names: &str) -> Agent {
    let root = root.path().to_str().expect("it is UTF-8");
    let url = server.url();
    Agent::start(&[
        "--host-root",
        root,
        "--pod-names",
        names,
        "--node-name",
        NODE,
        "--kube-url",
        &url,
    ])
}

fn failures(agent: &Agent, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    agent.metric("reapwatch_pod_watch_failures_total", &label)
}

fn is_up(agent: &Agent) -> bool {
    agent.metric("reapwatch_pod_watch_up", "") > 0.5
}

/// What `doctor` finds of the watch if it works, and what to do if not.
fn doctor(agent: &Agent) -> Result<String, String> {
    let mut facts = agent.doctor().facts.into_iter();
    let fact = facts.find(|it| it.name == "pod watch").expect("a fact");
    assert_eq!(fact.ok, fact.fix.is_none(), "{fact:?}");
    fact.fix.map_or(Ok(fact.found), Err)
}

fn log(agent: &Agent) -> String {
    fs::read_to_string(agent.socket().with_extension("log")).expect("it logs there")
}

fn listed() {
    let subject = Subject::new(1);
    let server = ApiServer::with(&[subject.whole()]);
    let (agent, _root) = agent_of(&server);
    subject.is_named(&agent);
    assert!(eventually(|| is_up(&agent)), "the watch never came up");
    assert!(eventually(|| !server.watches().is_empty()));
    let (lists, watches) = (server.lists(), server.watches());
    let of_this_node = "fieldSelector=spec.nodeName%3Dnode-a";
    assert!(lists[0].contains(of_this_node), "{lists:?}");
    let from_its_cache = "resourceVersion=0&";
    assert!(lists[0].contains(from_its_cache), "{lists:?}");
    assert!(watches[0].contains(of_this_node), "{watches:?}");
    assert!(watches[0].contains("resourceVersion=10"), "{watches:?}");
    assert!(
        watches[0].contains("allowWatchBookmarks=true"),
        "{watches:?}"
    );
    let labels = r#"container="app",namespace="shop",pod="web-0""#;
    let zombies = agent.metric("reapwatch_zombies", labels);
    assert!((zombies - 1.0).abs() < f64::EPSILON, "{zombies}");
}

fn changes() {
    let subject = Subject::new(2);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    let uid = Some(subject.uid.clone());
    let unnamed = eventually(|| subject.place(&agent).is_some_and(|it| it.pod_uid == uid));
    assert!(unnamed, "{:#?}", subject.place(&agent));
    assert_eq!(subject.names(&agent)[0], None, "nothing has named it yet");
    server.send(&event("ADDED", &subject.pod(11, false)));
    let pod = ["shop", "web-0"].map(|name| Some(name.to_owned()));
    let of_pod = eventually(|| subject.names(&agent)[..2] == pod);
    assert!(of_pod, "{:#?}", subject.place(&agent));
    assert_eq!(subject.names(&agent)[2], None, "its container has no name");
    server.send(&event("MODIFIED", &subject.pod(12, true)));
    subject.is_named(&agent);
    server.send(&event("DELETED", &subject.pod(13, true)));
    // The event has been read once the next watch begins after it.
    server.end();
    let heard = |query: &String| query.contains("resourceVersion=13");
    assert!(eventually(|| server.watches().iter().any(heard)));
    subject.is_named(&agent);
    // And later deaths in it still belong to it.
    let late = subject.cgroup.death();
    let pids = [subject.dead.pid, late.pid];
    let named = eventually(|| {
        let mut zombies = agent.zombies().items;
        zombies.retain(|it| pids.contains(&it.pid));
        let named = |it: &Container| it.name.as_deref() == Some("app");
        zombies.len() == 2
            && zombies
                .iter()
                .all(|it| it.container.as_deref().is_some_and(named))
    });
    assert!(named, "{:#?}", agent.zombies().items);
}

fn static_pod() {
    let hash = format!("{:0>24}{:08x}", "5e1f", process::id());
    let cgroup = Cgroup::unified(&format!("/kubepods/burstable/pod{hash}"));
    let dead = cgroup.death();
    let pod = r#"{"metadata":{"name":"etcd-a","namespace":"kube-system","uid":"0a1b2c3d-0000-4000-8000-000000000000","annotations":{"kubernetes.io/config.hash":"HASH"}},"spec":{}}"#;
    let server = ApiServer::with(&[pod.replace("HASH", &hash)]);
    let (agent, _root) = agent_of(&server);
    let named = eventually(|| {
        let zombies = agent.zombies().items;
        let zombie = zombies.into_iter().find(|it| it.pid == dead.pid);
        let place = zombie.and_then(|it| it.container);
        place.is_some_and(|it| it.pod.as_deref() == Some("etcd-a"))
    });
    assert!(named, "{:#?}", agent.zombies().items);
}

fn bookmark_then_end() {
    let subject = Subject::new(3);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    let mark = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"77"}}"#;
    server.send(&event("BOOKMARK", mark));
    server.end();
    server.send(&event("ADDED", &subject.pod(78, true)));
    subject.is_named(&agent);
    let watches = server.watches();
    assert!(watches[1].contains("resourceVersion=77"), "{watches:?}");
    assert_eq!(server.lists().len(), 1, "all were listed again");
    assert!(is_up(&agent));
    for reason in ["expired", "malformed", "disconnected", "slow", "server"] {
        assert!(failures(&agent, reason) < 0.5, "{reason}");
    }
}

fn expired_by_status() {
    let subject = Subject::new(4);
    let server = ApiServer::with(&[]);
    // More than once, since the first lists may come before the pod does.
    for _ in 0..4 {
        server.next_watch(Answer::Status(410, "Expired"));
    }
    let (agent, _root) = agent_of(&server);
    server.list(&[subject.whole()]);
    subject.is_named(&agent);
    assert!(eventually(|| is_up(&agent)));
    assert!(failures(&agent, "expired") > 0.5);
}

fn expired_by_event() {
    let subject = Subject::new(5);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    assert!(eventually(|| !server.watches().is_empty()));
    server.list(&[subject.whole()]);
    let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 10 (20)","reason":"Expired","code":410}"#;
    server.send(&event("ERROR", status));
    subject.is_named(&agent);
    assert!(eventually(|| is_up(&agent)));
    let one = failures(&agent, "expired");
    assert!((one - 1.0).abs() < f64::EPSILON, "{one}");
}

fn broken_in_a_line() {
    let subject = Subject::new(6);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    let added = event("ADDED", &subject.pod(11, true));
    server.break_in(&added);
    server.send(&added);
    subject.is_named(&agent);
    assert_eq!(server.lists().len(), 1, "all were listed again");
    let watches = server.watches();
    assert!(watches[1].contains("resourceVersion=10"), "{watches:?}");
    assert!(is_up(&agent));
    assert!(failures(&agent, "disconnected") > 0.5);
}

fn garbage() {
    let subject = Subject::new(7);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    assert!(eventually(|| !server.watches().is_empty()));
    server.list(&[subject.whole()]);
    server.send("<html>502 Bad Gateway</html>");
    subject.is_named(&agent);
    assert!(eventually(|| is_up(&agent)));
    assert!(failures(&agent, "malformed") > 0.5);
    assert_eq!(server.lists().len(), 2, "what was garbled is listed again");
}

fn ends_at_once() {
    let subject = Subject::new(8);
    let server = ApiServer::with(&[]);
    for _ in 0..3 {
        server.next_watch(Answer::End);
    }
    server.send(&event("ADDED", &subject.pod(11, true)));
    let (agent, _root) = agent_of(&server);
    subject.is_named(&agent);
    let watches = server.watches().len();
    assert_eq!((server.lists().len(), watches), (1, 4));
    let three = failures(&agent, "disconnected");
    assert!((three - 3.0).abs() < f64::EPSILON, "{three}");
}

fn server_away_for_a_while() {
    let subject = Subject::new(9);
    let server = ApiServer::with(&[]);
    let (agent, _root) = agent_of(&server);
    assert!(eventually(|| is_up(&agent)));
    assert!(doctor(&agent).is_ok(), "{:?}", doctor(&agent));
    server.next_watch(Answer::Status(503, "ServiceUnavailable"));
    server.break_in("{}");
    assert!(eventually(|| server.watches().len() >= 2));
    server.send(&event("ADDED", &subject.pod(11, true)));
    subject.is_named(&agent);
    assert!(is_up(&agent));
    assert_eq!(server.lists().len(), 1, "all were listed again");
}

fn never_answers_first() {
    let subject = Subject::new(10);
    let server = ApiServer::with(&[subject.whole()]);
    server.next_list(Answer::Never);
    let (agent, _root) = agent_of(&server);
    assert!(!is_up(&agent));
    assert!(doctor(&agent).is_err(), "{:?}", doctor(&agent));
    // The agent gives up after 15 s, half of what a test waits.
    assert!(eventually(|| failures(&agent, "slow") > 0.5));
    subject.is_named(&agent);
    assert!(eventually(|| is_up(&agent)));
}

fn forbidden() {
    let (watched, logged) = (Subject::new(11), Subject::new(12));
    let root = tempfile::tempdir().expect("a folder can be made");
    let logs = root.path().join("var/log/containers");
    fs::create_dir_all(&logs).expect("the folder is writable");
    let file = logs.join(format!("web-0_shop_app-{}.log", logged.id));
    fs::write(file, "").expect("the folder is writable");
    let server = ApiServer::with(&[watched.whole()]);
    for _ in 0..3 {
        server.next_list(Answer::Status(403, "Forbidden"));
    }
    let agent = agent_on(&server, &root, "auto");
    let fix = "let the service account get, list and watch pods";
    assert!(doctor(&agent).is_err_and(|it| it.contains(fix)));
    logged.is_named(&agent);
    // As soon as it gets the permission.
    watched.is_named(&agent);
    let three = failures(&agent, "forbidden");
    assert!((three - 3.0).abs() < f64::EPSILON, "{three}");
    let log = log(&agent);
    assert_eq!(log.matches(fix).count(), 1, "{log}");
}
