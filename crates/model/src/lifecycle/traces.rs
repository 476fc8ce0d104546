//! Traces of real and constructed deaths, as files: each input a line as a recording has it, each
//! transition that must follow a line after `>`. `crates/model/tests/traces/README.md` describes the
//! format.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::properties::{Input, any_input};
use super::{DiedBound, Lifecycle, Limits, Record, Transition};
use crate::events::{Process, Snapshot, Task};
use crate::recording::{self, Line, parse};

macro_rules! traces {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let path = concat!("tests/traces/", stringify!($name), ".trace");
                let root = env!("CARGO_MANIFEST_DIR");
                let trace = std::fs::read_to_string(format!("{root}/{path}")).unwrap();
                assert_eq!(replay(&trace), trace, "{path}: what came is on the left");
            }
        )*
    };
}

traces! {
    adoption
    adoption_autoreaped
    adoption_tracepoint
    agent_start
    autoreap
    autoreap_mispredicted
    early_leader
    exec_by_thread
    killed
    killed_by_nobody
    lost_death
    lost_reap
    namespace_init
    nested_namespace
    pending_tracepoint
    pid_reuse
    plain_reap
    plain_reap_tracepoint
    proc_snapshot
    subreaper
    table_full
    traced_thread_tracepoint
    tracer_exits
    tracer_exits_autoreap
    tracer_is_parent
    tracer_waits
    tracer_waits_tracepoint
    wnowait
}

#[test]
fn every_trace_is_replayed() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces");
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".trace").map(ToOwned::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

#[test]
fn every_recorded_trace_is_replayed() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/recorded");
    let mut replayed = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mut trace = std::fs::read_to_string(&path).unwrap();
        let shown = path.display();
        if std::env::var_os("REAPWATCH_BLESS").is_some() {
            trace = replay(&trace);
            std::fs::write(&path, &trace).unwrap();
        }
        assert!(trace.contains("\n> finished "), "{shown} expects nothing");
        assert_eq!(replay(&trace), trace, "{shown}: what came is on the left");
        replayed += 1;
    }
    assert!(replayed > 0, "{dir} is empty");
}

proptest! {
    #[test]
    fn a_recording_round_trips(
        inputs in prop::collection::vec(any_input(), 0..20),
    ) {
        for input in inputs {
            let mut text = String::new();
            match &input {
                Input::Event(event) => recording::event(&mut text, event),
                Input::Snapshot(snapshot) => recording::snapshot(&mut text, snapshot),
                Input::Expire(now_ns) => recording::expire(&mut text, *now_ns),
            }
            let mut inputs = Inputs::default();
            let read: Vec<_> = text.lines().filter_map(|line| inputs.read(line)).collect();
            prop_assert_eq!(read, [input]);
        }
    }
}

/// Lines become inputs of the lifecycle: a snapshot is made of many.
#[derive(Default)]
struct Inputs {
    tasks: Vec<Task>,
}

impl Inputs {
    fn read(&mut self, line: &str) -> Option<Input> {
        let read = parse(line).unwrap_or_else(|error| panic!("{error}: {line}"))?;
        match read {
            Line::Event(event) => Some(Input::Event(event)),
            Line::Expire(now_ns) => Some(Input::Expire(now_ns)),
            Line::Task(task) => {
                self.tasks.push(*task);
                None
            }
            Line::Snapshot {
                begun_ns,
                ended_ns,
                exact_start,
            } => Some(Input::Snapshot(Snapshot {
                begun_ns,
                ended_ns,
                exact_start,
                tasks: std::mem::take(&mut self.tasks).into(),
            })),
            // The lifecycle knows nothing of these.
            Line::Head(_)
            | Line::Wall(_)
            | Line::Drained(_)
            | Line::Counted(_)
            | Line::Judged(_)
            | Line::Stuck(_)
            | Line::End(_)
            | Line::Found(_) => None,
        }
    }
}

/// The trace with what really came in place of what was expected.
fn replay(trace: &str) -> String {
    let mut lifecycle = Lifecycle::new(Limits {
        open: 4,
        recent: 8,
        recent_ns: 60_000_000_000,
    });
    let mut shown = String::new();
    let mut inputs = Inputs::default();
    for line in trace.lines().filter(|line| !line.starts_with("> ")) {
        writeln!(shown, "{line}").unwrap();
        let Some(input) = inputs.read(line) else {
            continue;
        };
        let mut out = Vec::new();
        match input {
            Input::Event(event) => lifecycle.apply(&event, &mut out),
            Input::Snapshot(snapshot) => lifecycle.reconcile(snapshot, &mut out),
            Input::Expire(now_ns) => lifecycle.expire(now_ns),
        }
        lifecycle.check();
        for transition in &out {
            writeln!(shown, "> {}", show(transition, &lifecycle)).unwrap();
        }
    }
    let open: Vec<_> = lifecycle
        .zombies()
        .map(|record| record.process.key.tgid)
        .collect();
    writeln!(shown, "> still open: {open:?}").unwrap();
    shown
}

fn show(transition: &Transition, lifecycle: &Lifecycle) -> String {
    match transition {
        Transition::Confirmed(record) => format!("confirmed {}", record.process.key.tgid),
        Transition::Died(key) => {
            let record = lifecycle.get(key).expect("a record of one who died");
            format!("died {}", show_death(&record))
        }
        Transition::Adopted { dead, from } => {
            let record = lifecycle.get(dead).expect("a record of one adopted");
            let from = from.map_or("nobody".into(), |key| key.tgid.to_string());
            let to = show_process(record.responsible());
            format!("adopted {} from={from} to={to}", dead.tgid)
        }
        Transition::Finished(record) => {
            let reap = record.reap.as_ref().expect("a reap");
            let bound = if reap.at_is_upper_bound { "≤" } else { "" };
            let at = reap
                .at_ns
                .map_or("?".into(), |at_ns| format!("{bound}{}", ms(at_ns)));
            let by = show_process(reap.by.as_ref());
            let death = show_death(record);
            format!("finished {death} reaped={at} how={:?} by={by}", reap.how)
        }
        Transition::Corrected(correction) => format!("corrected {correction:?}"),
        Transition::Unlisted(holder) => {
            format!("unlisted holder={}", show_process(holder.as_ref()))
        }
        Transition::UnlistedGone(holder) => {
            format!("unlisted gone holder={}", show_process(holder.as_ref()))
        }
        Transition::UnlistedFound(count) => format!("unlisted found {count}"),
        Transition::UnlistedVanished(count) => format!("unlisted vanished {count}"),
        Transition::Unexplained => "unexplained".into(),
    }
}

fn show_death(record: &Record) -> String {
    let bound = match record.died.bound {
        DiedBound::Exact => "",
        DiedBound::NotBefore => "≥",
        DiedBound::NotAfter => "≤",
    };
    let died = ms(record.died.at_ns);
    let mut shown = format!("{} died={bound}{died}", record.process.key.tgid);
    if let Some(begin_ns) = record.begin_ns {
        write!(shown, " began={}", ms(begin_ns)).unwrap();
    }
    if let Some(kill) = &record.kill {
        let by = show_process(kill.process.as_ref());
        write!(
            shown,
            " killed={} by={by} signal={}",
            ms(kill.at_ns),
            kill.signal
        )
        .unwrap();
    }
    write!(shown, " responsible={}", show_process(record.responsible())).unwrap();
    shown
}

fn show_process(process: Option<&Process>) -> String {
    process.map_or("nobody".into(), |process| {
        let tgid = process.key.tgid;
        if process.tid == tgid {
            tgid.to_string()
        } else {
            format!("{tgid}/{}", process.tid)
        }
    })
}

fn ms(ns: u64) -> String {
    format!("{:?}", Duration::from_nanos(ns))
}
