//! One line of a trace → the bytes of a record of the wire.

use std::collections::BTreeMap;

use wire::{COMM_LEN, Head, death_flags, kind, release_flags, renotified_flags, task_flags};

use crate::events::bytes;

/// The `name=value` of a line; a word alone is a flag.
pub(super) struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let fields = line.split_whitespace();
        Self(
            fields
                .map(|field| field.split_once('=').unwrap_or((field, "")))
                .collect(),
        )
    }

    pub(super) fn has(&self, flag: &str) -> bool {
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

    pub(super) fn time(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |value| time(value))
    }

    /// `tgid` or `tgid@start`.
    pub(super) fn key(&self, name: &str) -> (u32, u64) {
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
        let mut comm = [0; COMM_LEN];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        wire::Process {
            tgid,
            tid: thread.map_or(tgid, |tid| tid.parse().expect("tid")),
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

    pub(super) fn event(&self, word: &str) -> Vec<u8> {
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
            kill_signal: self.number("kill_signal") as u16,
            exit_code: self.number("exit_code"),
            exit_signal: 17,
            pids: self.pids(process.tgid),
            ..wire::Death::default()
        }
    }

    pub(super) fn task(&self) -> Vec<u8> {
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
