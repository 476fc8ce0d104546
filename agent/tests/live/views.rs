//! The views print what the agent answers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::agent::{Agent, eventually, view};
use crate::host::Host;
use crate::scenario::Misbehaving;
use crate::schema::problems;
use api::{Culprit, Document, Top};

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_view_prints_the_document_of_the_agent() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("never_waits");
    let pid = one.culprit.pid;
    assert!(eventually(|| agent.culprit(pid).is_some()));
    let explain = format!("explain {pid}");
    let of_pid = format!("explain/{pid}");
    for (command, document) in [
        ("zombies", "zombies"),
        ("culprits", "culprits"),
        (explain.as_str(), of_pid.as_str()),
        ("stuck", "stuck"),
        ("doctor", "doctor"),
    ] {
        let args: Vec<_> = command.split(' ').chain(["--json"]).collect();
        let output = view(&args, agent.socket());
        let printed: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{command}: {error} in {output:?}"));
        let name = args[0];
        assert_eq!(problems(name, &printed), []);
        let answered: Value = agent.document(document);
        assert_eq!(fields(&printed), fields(&answered), "{command}");
        // Others die on this machine meanwhile; this one and its zombies stay.
        let named = |it: &Value| it.to_string().contains(&format!("\"pid\":{pid},"));
        assert_eq!(named(&printed), named(&answered), "{command}");
    }
    let workload: Value = agent.document("workload");
    assert_eq!(problems("workload", &workload), []);
}

fn fields(document: &Value) -> BTreeSet<&String> {
    let object = document.as_object().expect("a document is an object");
    object.keys().collect()
}

/// What a command prints without an agent to ask.
fn alone(host: &Host, args: &[&str]) -> String {
    let forced = std::env::var("REAPWATCH_TEST_HOOK").ok();
    let output = host
        .reapwatch()
        .args(args)
        .args(forced.map(|hook| format!("--hook={hook}")))
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(
        stderr.lines().count(),
        1,
        "a countdown is for terminals: {stderr}"
    );
    String::from_utf8(output.stdout).expect("text")
}

fn id(host: &Host, args: &[&str], pid: u32) -> Option<String> {
    let culprits: Document<Culprit> = serde_json::from_str(&alone(host, args)).expect("JSON");
    let mut culprits = culprits.items.into_iter();
    let culprit = culprits.find(|culprit| culprit.process.pid == pid);
    Some(culprit?.verdict?.id.to_string())
}

/// Only two looks distinguish a process that gets no CPU from one that happens to be runnable.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_first_verdicts_wait_for_enough_observation() {
    let host = Host::new();
    let one = Misbehaving::start("starved");
    let pid = one.culprit.pid;
    // Its zombies are old enough to be judged by the only look.
    let at_once = || id(&host, &["culprits", "--json", "--watch", "0s"], pid);
    assert!(eventually(|| at_once().is_some()));
    assert_ne!(at_once().as_deref(), Some("parent_starved"));
    let watched = id(&host, &["culprits", "--json"], pid);
    assert_eq!(watched.as_deref(), Some("parent_starved"));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_first_frame_of_top_has_verdicts_and_workloads() {
    let host = Host::new();
    let one = Misbehaving::start("stopped");
    let pid = one.culprit.pid;
    // Younger zombies are not judged.
    assert!(eventually(|| {
        let culprits = ["culprits", "--json", "--watch", "0s"];
        id(&host, &culprits, pid).is_some()
    }));
    let frame = alone(&host, &["top", "--json"]);
    let printed = serde_json::from_str(&frame).expect("JSON");
    assert_eq!(problems("top", &printed), []);
    let frame: Document<Top> = serde_json::from_value(printed).expect("a frame");
    let mut parents = frame.items[0].parents.iter();
    let parent = parents.find(|parent| parent.process.pid == pid);
    let parent = parent.expect("it holds zombies");
    let why = parent.verdict.as_ref().map(|verdict| &*verdict.id.0);
    assert_eq!(why, Some("parent_stopped"));
    let mut zombies = frame.items[0].zombies.iter();
    let of_it = |parent: &api::Process| parent.pid == pid;
    let zombie = zombies.find(|zombie| zombie.parent.as_deref().is_some_and(of_it));
    let zombie = zombie.expect("it is there");
    let is_in_cgroup = !std::fs::read_to_string(format!("/proc/{pid}/cgroup"))
        .expect("it lives")
        .lines()
        .all(|line| line.ends_with(":/"));
    assert_eq!(parent.container.is_some(), is_in_cgroup);
    assert_eq!(
        zombie.parent_container.as_deref(),
        parent.container.as_ref()
    );
    let text = alone(&host, &["top", "-b", "-n", "1"]);
    assert!(text.contains("parent_stopped"), "{text}");
}
