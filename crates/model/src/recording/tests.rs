use proptest::prelude::*;

use super::*;
use crate::events::{
    Asked, CgroupId, CgroupIds, CgroupMade, CgroupVersion, Comm, Death, Event, Exec, Execed,
    ExitStatus, Ignored, Key, Kill, KillBy, NamespacePid, Peeked, Process, Resources, Snapshot,
    Steps, Target, Task, TaskState, Waits,
};

fn someone(tgid: u32, thread: u32, comm: &str) -> Process {
    let key = Key {
        tgid,
        start_ns: 12_345_678_901_234_567,
    };
    Process {
        key,
        tid: thread,
        comm: comm.into(),
    }
}

/// Every field is there and has a value of its own.
fn full_death() -> Death {
    Death {
        at_ns: 9_007_199_254_740_993,
        at_is_lower_bound: true,
        process: someone(7, 7, "a b%c=d:e@f/g"),
        parent: Some(someone(8, 9, "")),
        tracer: Some(someone(10, 10, "größe\u{fffd}\u{a0}")),
        forker: Some(someone(11, 11, "#")),
        kill: Some(Kill {
            by: Some(KillBy::Oom),
            process: Some(someone(12, 12, ">")),
            signal: 9,
            at_ns: 1,
        }),
        begin_ns: Some(2),
        status: ExitStatus::Dumped(11),
        exit_signal: -1,
        autoreap: true,
        cgroups: CgroupIds {
            v1: Some(1),
            v2: Some(u64::MAX),
        },
        uid: u32::MAX,
        resources: Resources {
            user_ns: 3,
            system_ns: 4,
            threads: Some(5),
            max_rss_bytes: 6,
        },
        steps: Some(Steps {
            exit_handlers: Some(6),
            dumping_core: Some(7),
            waiting_for_siblings: None,
            releasing_memory: Some(8),
            closing_files: Some(9),
            deferred_work: Some(10),
            namespaces: Some(11),
            other: Some(12),
        }),
        pids: vec![
            NamespacePid {
                namespace: 0xEFFF_FFFC,
                nr: 7,
            },
            NamespacePid {
                namespace: 4_026_532_000,
                nr: 1,
            },
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "every field of a task")]
fn full_task() -> Task {
    Task {
        is_held: false,
        process: someone(20, 20, "x"),
        state: TaskState::Exiting,
        parent: Some(someone(21, 21, "y")),
        tracer: Some(someone(22, 22, "z")),
        forker: Some(someone(23, 23, "w")),
        begin_ns: Some(1),
        status: Some(ExitStatus::Exited(255)),
        exit_signal: Some(0),
        cgroups: CgroupIds {
            v1: Some(2),
            v2: Some(3),
        },
        uid: 3,
        kill: full_death().kill.map(Box::new),
        waits: Some(Box::new(Waits {
            calls: 4,
            last_ns: Some(5),
            asked: Some(Asked {
                any: 7,
                process: 8,
                group: 9,
                pidfd: 10,
                clones: 11,
                of_thread: 12,
                peeks: 13,
                last_take_ns: Some(14),
                last_any_ns: Some(15),
                last_peek_ns: Some(16),
                peeked: Peeked {
                    any: 17,
                    process: 18,
                    group: 19,
                    pidfd: 20,
                    clones: 21,
                    of_thread: 22,
                    last_any_ns: Some(23),
                    last: Some(Target::Group(24)),
                },
            }),
        })),
        dead_by_ns: Some(6),
        pids: vec![],
        exec: Some(Box::new(Exec {
            at_ns: 25,
            former: "a sh".into(),
        })),
        exec_id: Some(26),
        parent_exec_id: Some(0),
        group: 27,
        session: 28,
        subreaper: Some(false),
        stop_signal: Some(21),
        ignored: Some(Box::new(Ignored {
            signal: 15,
            at_ns: 29,
            by: Some(someone(24, 25, "kill")),
            by_choice: true,
        })),
    }
}

fn lines(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| parse(line).expect("a line").expect("not a comment"))
        .collect()
}

#[test]
fn a_death_with_all_its_fields_comes_back() {
    let death = Event::Death(Box::new(full_death()));
    let mut text = String::new();
    event(&mut text, &death);
    assert_eq!(lines(&text), [Line::Event(death)], "{text}");
}

#[test]
fn an_exec_comes_back_even_without_the_former_name() {
    for former in ["my sh", ""] {
        let exec = Event::Exec(Execed {
            at_ns: 1,
            process: someone(7, 7, "app"),
            former: former.into(),
        });
        let mut text = String::new();
        event(&mut text, &exec);
        assert_eq!(lines(&text), [Line::Event(exec)], "{text}");
    }
}

#[test]
fn each_peek_and_each_killer_comes_back() {
    let targets = [
        Target::Any,
        Target::Process(1),
        Target::Group(0),
        Target::Pidfd(3),
        Target::Clones,
        Target::OfThread,
    ];
    for (at, by) in KillBy::ALL.iter().copied().enumerate() {
        let mut task = full_task();
        if let Some(asked) = task.waits.as_mut().and_then(|waits| waits.asked.as_mut()) {
            asked.peeked.last = targets.get(at).copied();
        }
        if let Some(kill) = &mut task.kill {
            kill.by = Some(by);
        }
        let whole = Snapshot {
            begun_ns: 1,
            ended_ns: 2,
            exact_start: true,
            tasks: vec![task.clone()].into(),
        };
        let mut text = String::new();
        snapshot(&mut text, &whole);
        assert_eq!(lines(&text)[0], Line::Task(Box::new(task)), "{text}");
    }
}

#[test]
fn a_killer_of_a_later_version_is_not_known() {
    let line = "death at=1s process=7:x killed=1s kill_signal=9 kill_by=something_new";
    let Ok(Some(Line::Event(Event::Death(death)))) = parse(line) else {
        panic!("a death")
    };
    assert_eq!(death.kill.map(|kill| kill.by), Some(None));
}

#[test]
fn a_cgroup_comes_back_in_its_hierarchy() {
    for version in [CgroupVersion::V1, CgroupVersion::V2] {
        let made = Event::CgroupMade(CgroupMade {
            at_ns: 1,
            id: CgroupId { version, id: 2 },
            path: Some("/a b".to_owned()),
        });
        let mut text = String::new();
        event(&mut text, &made);
        assert_eq!(lines(&text), [Line::Event(made)], "{text}");
    }
}

#[test]
fn a_snapshot_comes_back() {
    let whole = Snapshot {
        begun_ns: 1,
        ended_ns: 2,
        exact_start: false,
        tasks: vec![full_task()].into(),
    };
    let mut text = String::new();
    snapshot(&mut text, &whole);
    let expected = [
        Line::Task(Box::new(full_task())),
        Line::Snapshot {
            begun_ns: 1,
            ended_ns: 2,
            exact_start: false,
        },
    ];
    assert_eq!(lines(&text), expected, "{text}");
}

#[test]
fn the_header_of_a_recording_is_read_back() {
    let first = Head {
        host: "a host".to_owned(),
        kernel: "6.1".to_owned(),
        source: api::HookKind::Fentry.into(),
        agent: "0.1.0".to_owned(),
        began_ns: 5,
    };
    let join = Join {
        from_ns: 6,
        offset_ns: -7,
    };
    let counts = Counted {
        exited: 1,
        killed: 2,
        dumped: 3,
        lost_deaths: 4,
        lost_killed: 1,
        lost_dumped: 2,
        ring_full: 5,
        tasks_full: 6,
        malformed: 7,
        skipped_runs: 8,
    };
    let explained = Judged {
        at_ns: 12,
        process: someone(13, 13, "a b"),
        verdict: Some(api::Verdict {
            id: "never_waits".into(),
            confidence: api::Confidence::Likely.into(),
            summary: "a b (PID 13) never waits, 100% sure=no".to_owned(),
            evidence: vec!["one fact".to_owned(), String::new(), "größe".to_owned()],
            repeats: vec![0, 2],
            remedy: "fix a b".to_owned(),
        }),
    };
    let unexplained = Judged {
        verdict: None,
        ..explained.clone()
    };
    let mut text = String::new();
    head(&mut text, &first);
    wall(&mut text, join);
    counted(&mut text, &counts);
    judged(&mut text, &explained);
    judged(&mut text, &unexplained);
    expire(&mut text, 9);
    drained(&mut text, 10);
    end(&mut text, 11);
    let expected = [
        Line::Head(first),
        Line::Wall(join),
        Line::Counted(counts),
        Line::Judged(Box::new(explained)),
        Line::Judged(Box::new(unexplained)),
        Line::Expire(9),
        Line::Drained(10),
        Line::End(11),
    ];
    assert_eq!(lines(&text), expected, "{text}");
}

#[test]
fn what_was_found_of_a_stuck_exit_is_read_back() {
    let hung = FoundStuck {
        at_ns: 13,
        process: someone(14, 14, "tar"),
        found: Why {
            state: Some('D'),
            exit_has_begun: Some(true),
            step: Some("closing_files".into()),
            no_step: None,
            threads: vec![
                api::StuckThread {
                    tid: 14,
                    state: 'D',
                    step: "closing_files".into(),
                    stack: vec!["fuse_flush".to_owned(), "do_exit".to_owned()],
                },
                api::StuckThread {
                    tid: 15,
                    state: 'S',
                    step: "unknown".into(),
                    stack: Vec::new(),
                },
            ],
            waits_for: Some(api::WaitsFor {
                kind: api::Awaited::Fuse.into(),
                what: "connection 38 (sshfs on /a b)".to_owned(),
                processes: vec![api::Process {
                    pid: 7,
                    start_time: None,
                    comm: "sshfs: a".to_owned(),
                }],
            }),
            verdict: Some(api::Verdict {
                id: "unkillable_sleep".into(),
                confidence: api::Confidence::Certain.into(),
                summary: "it waits".to_owned(),
                evidence: vec!["one fact".to_owned()],
                repeats: Vec::new(),
                remedy: "kill -CONT 7".to_owned(),
            }),
        },
    };
    let unseen = FoundStuck {
        found: Why {
            no_step: Some("no time".to_owned()),
            ..Why::default()
        },
        ..hung.clone()
    };
    let mut text = String::new();
    stuck(&mut text, &hung);
    stuck(&mut text, &unseen);
    let expected = [hung, unseen].map(|it| Line::Stuck(Box::new(it)));
    assert_eq!(lines(&text), expected, "{text}");
}

#[test]
fn control_sequences_are_not_written() {
    let mut text = String::new();
    let mut death = full_death();
    death.process.comm = "\x1b[2J\nend".into();
    event(&mut text, &Event::Death(Box::new(death)));
    assert_eq!(text.matches(char::is_control).count(), 1, "{text:?}");
    let [Line::Event(Event::Death(death))] = &lines(&text)[..] else {
        panic!("{text}")
    };
    assert_eq!(death.process.comm, "\u{fffd}[2J\u{fffd}end");
}

#[test]
fn a_name_keeps_bytes_that_are_not_text() {
    let mut death = full_death();
    death.process.comm = Comm::new(b"a\xff \x1b%");
    let mut text = String::new();
    event(&mut text, &Event::Death(Box::new(death.clone())));
    assert_eq!(lines(&text), [Line::Event(Event::Death(Box::new(death)))]);
}

#[test]
fn malformed_lines_are_reported() {
    let why = |line: &str| parse(line).expect_err(line).to_string();
    assert_eq!(why("burial at=1s"), "unknown word \"burial\"");
    assert_eq!(why("death at=1s"), "process is missing");
    for damaged in [
        "1",
        "-1s",
        "1.s1",
        "s",
        ".5s",
        "1.0000000001s",
        "4611686019s",
        "+1s",
    ] {
        let line = format!("expire now={damaged}");
        assert!(why(&line).contains("is not valid"), "{line}");
    }
    for damaged in ["", "7", "0:x", "7@:x", "7/:x", "7:%4", "7:%zz"] {
        let line = format!("death at=1s process={damaged}");
        assert!(why(&line).contains("is not valid"), "{line}");
    }
    let newer = why("reapwatch version=2");
    assert!(
        newer.contains("version 2") && newer.ends_with('1'),
        "{newer}"
    );
}

#[test]
fn comments_expectations_and_new_fields_are_passed_over() {
    for line in ["", "  ", "# at=1s", "> died 7", "#"] {
        assert_eq!(parse(line), Ok(None), "{line:?}");
    }
    assert_eq!(
        parse("end now=1s later=2"),
        Ok(Some(Line::End(1_000_000_000)))
    );
}

proptest! {
    #[test]
    fn any_line_is_read_without_a_panic(
        word in "(death|task|waited|wall|counted|reapwatch)?",
        fields in prop::collection::vec("[a-z_]{1,9}=?[0-9a-f@/:%,.~µ-]{0,12}s?", 0..9),
        rest in ".*",
    ) {
        let _read_or_refused = parse(&format!("{word} {} {rest}", fields.join(" ")));
    }

    #[test]
    fn any_value_is_read_without_a_panic(value in "[0-9a-f@/:%,.µ-]{0,20}s?", at in 0_usize..12) {
        let names = [
            "at", "process", "parent", "killed", "kill_signal", "kill_by", "begin", "exit_code",
            "exit_signal", "pids", "max_rss", "threads",
        ];
        let death = "at=1s process=7:x killed=1s kill_signal=9";
        let _read_or_refused = parse(&format!("death {death} {}={value}", names[at]));
    }
}

#[test]
fn damaged_recordings_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces");
    let entries = std::fs::read_dir(folder).expect("there are traces");
    let files = entries.flatten().map(|entry| entry.path());
    let texts: Vec<_> = files
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    let corpus: Vec<_> = texts.iter().flat_map(|text| text.lines()).collect();
    assert!(corpus.len() > 100);
    fuzz::feed(&corpus, |bytes| {
        for line in String::from_utf8_lossy(bytes).lines() {
            let _read_or_refused = parse(line);
        }
    });
}
