//! Frames for the tests of the live view.

use super::host::Host;
use super::settings::Settings;
use crate::views::Look;
use api::{
    Confidence, Document, Exit, ExitKind, Head, HookKind, Parent, Process, Seconds, Summary, Time,
    Top, VERSION, Verdict, WorkloadRow, Zombie,
};

/// The model of one host.
pub type Model = super::model::Model<Host>;

/// Without colour, with more than ASCII.
pub const LOOK: Look = Look::PLAIN;

/// A point in time.
pub fn at(text: &str) -> Time {
    Time(text.parse().expect("a time"))
}

/// A process whose start time depends on its PID.
pub fn process(pid: u32, comm: &str) -> Process {
    Process {
        pid,
        start_time: Some(at(&format!("2026-11-22T00:00:00.{pid:09}Z"))),
        comm: comm.into(),
    }
}

/// A parent with some zombies, the oldest of this age.
pub fn parent(pid: u32, comm: &str, zombies: u64, oldest: Option<f64>) -> Parent {
    Parent {
        process: process(pid, comm),
        container: None,
        zombies,
        oldest_seconds: oldest.map(Seconds),
        oldest_is_lower_bound: false,
        leaked_per_second: 0.0,
        reaped_per_second: f64::from(pid),
        reaped_total: 7,
        p50_seconds: Some(Seconds(0.000_85)),
        p99_seconds: None,
        verdict: None,
    }
}

/// A verdict.
pub fn verdict() -> Verdict {
    Verdict {
        id: "never_waits".into(),
        summary: "java (PID 10) never waits".into(),
        evidence: vec!["holds 2 zombies".into()],
        repeats: vec![0],
        remedy: "fix java".into(),
        confidence: Confidence::Likely.into(),
    }
}

/// A zombie of this age and parent.
pub fn zombie(pid: u32, comm: &str, age: f64, parent: &Parent) -> Zombie {
    let Process {
        pid,
        start_time,
        comm,
    } = process(pid, comm);
    Zombie {
        pid,
        start_time,
        comm,
        exit: Some(Exit {
            kind: ExitKind::Killed.into(),
            code: None,
            signal: Some("SIGKILL".into()),
        }),
        died_at: Some(at("2026-11-22T03:00:00Z")),
        zombie_seconds: Seconds(age),
        age_is_lower_bound: false,
        uid: Some(1000),
        forker: None,
        parent: Some(api::Shared::new(parent.process.clone())),
        tracer: None,
        held_before: Vec::new(),
        container: None,
        parent_container: None,
        verdict: None,
    }
}

/// A document around one frame.
pub fn frame(parents: Vec<Parent>, zombies: Vec<Zombie>) -> Document<Top> {
    let summary = Summary {
        culprits: None,
        workloads: None,
        zombies: zombies.len() as u64,
        exits_total: 1234,
        reaped_total: 1200,
        stuck: 0,
        unheard: 0,
        uptime_seconds: Seconds(312.0),
        agent_version: "0.1.0".into(),
    };
    Document {
        head: Head {
            version: VERSION,
            host: "web-1".into(),
            kernel: "6.18.44".into(),
            source: HookKind::Fentry.into(),
            at: at("2026-11-22T03:11:22.123456789Z"),
            lost_events: 0,
            unlisted_zombies: 0,
        },
        total: 1,
        items: vec![Top {
            parents_total: 0,
            summary,
            parents,
            zombies,
            pids: Vec::new(),
            zombies_total: 0,
            workloads: Vec::new(),
            workloads_total: 0,
        }],
        notes: Vec::new(),
    }
}

/// Three parents, best first, and their zombies.
pub fn busy() -> Document<Top> {
    let (sh, java, nginx) = (
        parent(30, "sh", 0, None),
        parent(10, "java", 2, Some(15.0)),
        parent(20, "nginx", 2, Some(3.4)),
    );
    let zombies = vec![
        zombie(101, "curl", 15.0, &java),
        zombie(102, "git", 1.0, &java),
        zombie(103, "cgi", 3.4, &nginx),
        zombie(104, "cgi", 0.5, &nginx),
    ];
    frame(vec![sh, nginx, java], zombies)
}

/// A row of a workload with some zombies.
pub fn workload(unit: &str, zombies: u64) -> WorkloadRow {
    WorkloadRow {
        container: Some(api::Container {
            unit: Some(unit.to_owned()),
            cgroup: Some(format!("/system.slice/{unit}")),
            ..api::Container::default()
        }),
        zombies,
        culprits: zombies.min(1),
        oldest_seconds: Some(Seconds(15.0)).filter(|_| zombies > 0),
        ..WorkloadRow::default()
    }
}

/// The frame around a document.
pub fn host(document: Document<Top>) -> Host {
    Host::new(document).expect("one frame")
}

/// The initial model.
pub fn model(document: Document<Top>) -> Model {
    let source = "agent at x".into();
    Model::new(LOOK, source, 0, &Settings::default(), host(document))
}
