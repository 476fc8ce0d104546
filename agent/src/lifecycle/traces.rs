//! Traces of real and constructed deaths, as files: each input a line of wire fields, each
//! transition that must follow a line after `>`. The fields go through the wire's own structs and
//! the decoder. `agent/tests/traces/README.md` describes the format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use wire::{COMM_LEN, Head, death_flags, kind, release_flags, renotified_flags, task_flags};

use super::{DiedBound, Lifecycle, Limits, Record, Transition};
use crate::events::{Event, HungUp, Key, Process, Snapshot, bytes, decode, decode_task};

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
    lost_death
    lost_reap
    namespace_init
    nested_namespace
    pid_reuse
    plain_reap
    plain_reap_tracepoint
    proc_snapshot
    subreaper
    table_full
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

/// The trace with what really came in place of what was expected.
fn replay(trace: &str) -> String {
    let mut lifecycle = Lifecycle::new(Limits {
        open: 4,
        recent: 8,
        recent_ns: 60_000_000_000,
    });
    let mut shown = String::new();
    let mut tasks = Vec::new();
    for line in trace.lines() {
        if line.starts_with("> ") {
            continue;
        }
        writeln!(shown, "{line}").unwrap();
        let Some((word, fields)) = line.split_once(' ').filter(|(word, _)| *word != "#") else {
            continue;
        };
        let fields = Fields::of(fields);
        let mut out = Vec::new();
        match word {
            "task" => tasks.push(decode_task(&fields.task()).unwrap()),
            "snapshot" => {
                let snapshot = Snapshot {
                    begun_ns: fields.time("begun"),
                    ended_ns: fields.time("ended"),
                    exact_start: !fields.has("ticks"),
                    tasks: std::mem::take(&mut tasks),
                };
                lifecycle.reconcile(&snapshot, &mut out);
            }
            "expire" => lifecycle.expire(fields.time("now")),
            "hung_up" => {
                let (tgid, start_ns) = fields.key("dead");
                let dead = Key { tgid, start_ns };
                let hung_up = HungUp {
                    at_ns: fields.time("at"),
                    dead,
                };
                lifecycle.apply(&Event::HungUp(hung_up), &mut out);
            }
            _ => lifecycle.apply(&decode(&fields.event(word), 4096).unwrap(), &mut out),
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

/// The `name=value` of a line; a word alone is a flag.
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn of(line: &'a str) -> Self {
        let fields = line.split_whitespace();
        Self(
            fields
                .map(|field| field.split_once('=').unwrap_or((field, "")))
                .collect(),
        )
    }

    fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    fn flags(&self, known: &[(&str, u32)]) -> u32 {
        known
            .iter()
            .filter(|(name, _)| self.has(name))
            .map(|(_, bit)| bit)
            .sum()
    }

    fn number(&self, name: &str) -> u32 {
        let value = self.0.get(name).copied().unwrap_or("0");
        let hex = value
            .strip_prefix("0x")
            .map(|digits| u32::from_str_radix(digits, 16));
        hex.unwrap_or_else(|| value.parse()).expect(name)
    }

    fn time(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |value| time(value))
    }

    /// `tgid` or `tgid@start`.
    fn key(&self, name: &str) -> (u32, u64) {
        key(self.0[name])
    }

    /// `tgid[@start][/tid]:comm`; nobody where it is missing.
    fn process(&self, name: &str) -> wire::Process {
        let Some(value) = self.0.get(name) else {
            return wire::Process::default();
        };
        let (who, name) = value.split_once(':').expect("tgid:comm");
        let (leader, thread) = who
            .split_once('/')
            .map_or((who, None), |it| (it.0, Some(it.1)));
        let (tgid, start_ns) = key(leader);
        let tid = thread.map_or(tgid, |thread| thread.parse().unwrap());
        let mut comm = [0; COMM_LEN];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        wire::Process {
            tgid,
            tid,
            start_ns,
            comm,
        }
    }

    /// `namespace:nr,…`; the initial namespace only where it is missing.
    fn pids(&self, initial: u32) -> [wire::NamespacePid; wire::NAMESPACE_LEVELS] {
        let mut pids = [wire::NamespacePid::default(); wire::NAMESPACE_LEVELS];
        pids[0] = wire::NamespacePid {
            namespace: INITIAL,
            nr: initial,
        };
        for (place, value) in self
            .0
            .get("pids")
            .iter()
            .flat_map(|it| it.split(','))
            .enumerate()
        {
            pids[place] = namespace_pid(value);
        }
        pids
    }

    fn event(&self, word: &str) -> Vec<u8> {
        let head = |kind, flags| Head {
            kind,
            flags: self.flags(flags),
            at_ns: self.time("at"),
        };
        match word {
            "death" => bytes(&self.death(head(
                kind::DEATH,
                &[
                    ("autoreap", death_flags::AUTOREAP),
                    ("before_notification", death_flags::BEFORE_NOTIFICATION),
                ],
            ))),
            "release" => {
                let (tgid, start_ns) = self.key("dead");
                let flags = [
                    ("reaper_exiting", release_flags::REAPER_EXITING),
                    ("by_itself", release_flags::BY_ITSELF),
                ];
                let head = head(kind::RELEASE, &flags);
                let reaper = self.process("reaper");
                bytes(&wire::Release {
                    head,
                    tgid,
                    pad: 0,
                    start_ns,
                    reaper,
                })
            }
            "waited" => bytes(&wire::Waited {
                head: head(kind::WAITED, &[]),
                child: namespace_pid(self.0["child"]),
                reaper: self.process("reaper"),
            }),
            "freed" => {
                let (tgid, start_ns) = self.key("dead");
                bytes(&wire::Freed {
                    head: head(kind::FREED, &[]),
                    tgid,
                    pad: 0,
                    start_ns,
                })
            }
            "renotified" => bytes(&wire::Renotified {
                head: head(
                    kind::RENOTIFIED,
                    &[("autoreap", renotified_flags::AUTOREAP)],
                ),
                child: namespace_pid(self.0["child"]),
                parent: self.process("parent"),
            }),
            unknown => panic!("unknown input {unknown}"),
        }
    }

    fn death(&self, head: Head) -> wire::Death {
        let process = self.process("process");
        wire::Death {
            head,
            process,
            parent: self.process("parent"),
            tracer: self.process("tracer"),
            forker: self.process("forker"),
            killer: self.process("killer"),
            killed_ns: self.time("killed"),
            begin_ns: self.time("begin"),
            kill_signal: self.number("kill_signal"),
            exit_code: self.number("exit_code"),
            exit_signal: 17,
            pids: self.pids(process.tgid),
            ..wire::Death::default()
        }
    }

    fn task(&self) -> Vec<u8> {
        let process = self.process("process");
        let no_pids = [wire::NamespacePid::default(); wire::NAMESPACE_LEVELS];
        bytes(&wire::TaskRecord {
            process,
            parent: self.process("parent"),
            tracer: self.process("tracer"),
            flags: self.flags(&[
                ("zombie", task_flags::ZOMBIE),
                ("leader_exited", task_flags::LEADER_EXITED),
                ("exiting", task_flags::EXITING),
            ]),
            pids: if self.has("no_pids") {
                no_pids
            } else {
                self.pids(process.tgid)
            },
            ..wire::TaskRecord::default()
        })
    }
}

/// The number of the initial PID namespace.
const INITIAL: u32 = 0xEFFF_FFFC;

fn namespace_pid(value: &str) -> wire::NamespacePid {
    let (namespace, nr) = value.split_once(':').expect("namespace:nr");
    let namespace = if namespace == "init" {
        INITIAL
    } else {
        namespace.parse().unwrap()
    };
    wire::NamespacePid {
        namespace,
        nr: nr.parse().unwrap(),
    }
}

fn key(value: &str) -> (u32, u64) {
    let (tgid, start) = value.split_once('@').unwrap_or((value, "1ms"));
    (tgid.parse().unwrap(), time(start))
}

fn time(value: &str) -> u64 {
    let units = [
        ("ns", 1.0),
        ("µs", 1e3),
        ("us", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
    ];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((value.strip_suffix(name)?, unit)))
        .expect("a unit of time");
    (number.parse::<f64>().unwrap() * unit).round() as u64
}

fn show(transition: &Transition, lifecycle: &Lifecycle) -> String {
    match transition {
        Transition::Died(key) => {
            let record = lifecycle.get(key).expect("a record of one who died");
            format!("died {}", show_death(record))
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
        let by = show_process(Some(&kill.by));
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
