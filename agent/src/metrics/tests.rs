//! The metrics page: its series and their names.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use model::events::{CgroupIds, Kill, KillBy, Process};
use model::lifecycle::{Died, DiedBound, How, Reap};
use model::workload::{Failed, Named, pods::Watched};

pub(super) const SECOND: u64 = 1_000_000_000;

pub(super) const UNATTRIBUTED: &str = "container=\"~unattributed\",namespace=\"~unattributed\",\
                            pod=\"~unattributed\",unit=\"~unattributed\"";
const APP: &str = "container=\"app\",namespace=\"shop\",pod=\"web-0\",unit=\"\"";

pub(super) fn with_kind(kind: &str) -> String {
    let (container, rest) = UNATTRIBUTED.split_once(',').expect("there are four");
    let (namespace, rest) = rest.split_once(',').expect("there are four");
    format!("{container},kind=\"{kind}\",{namespace},{rest}")
}

fn of_app(comm: &str) -> String {
    format!("comm=\"{comm}\",{APP}")
}

pub(super) fn metrics() -> Metrics {
    Metrics::new(Duration::from_secs(10), 256)
}

pub(super) fn process(comm: &str) -> Process {
    Process::new(7, 1, comm)
}

/// A death with two measured steps.
pub(super) fn stepped() -> Record {
    Record {
        steps: Some(Box::new(Steps {
            closing_files: Some(SECOND / 2),
            releasing_memory: Some(0),
            ..Steps::default()
        })),
        ..record()
    }
}

/// Died at 100 s, after half a second of exiting; reaped by its parent 2 s later.
pub(super) fn record() -> Record {
    Record {
        process: process("true"),
        parent: Some(process("sh")),
        tracer: None,
        former: Vec::new(),
        forker: None,
        kill: None,
        begin_ns: Some(99 * SECOND + SECOND / 2),
        died: Died {
            at_ns: 100 * SECOND,
            bound: DiedBound::Exact,
        },
        status: None,
        exit_signal: None,
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: None,
        steps: None,
        pids: Vec::new(),
        reap: Some(Box::new(reap(102 * SECOND, How::Wait))),
    }
}

pub(super) fn reap(at_ns: u64, how: How) -> Reap {
    Reap {
        at_ns: Some(at_ns),
        at_is_upper_bound: false,
        by: None,
        by_thread: None,
        how,
    }
}

/// A container of the pod shop/web-0.
pub(super) fn workload(container: &str) -> Workload {
    Workload {
        cgroup: Some("/x".to_owned()),
        named: Some(Named {
            namespace: Some("shop".to_owned()),
            pod: Some("web-0".to_owned()),
            container: Some(container.to_owned()),
        }),
        ..Workload::default()
    }
}

#[track_caller]
pub(super) fn has(page: &str, line: &str) {
    assert!(
        page.lines().any(|each| each == line),
        "no line `{line}` in:\n{page}"
    );
}

/// A sample that has everything once, with names as odd as possible.
#[expect(clippy::too_many_lines, reason = "data")]
pub(super) fn full_sample() -> Sample {
    Sample {
        ordinary: wire::Times::default(),
        now_ns: SECOND,
        is_recorded: false,
        lost_exits: Exits {
            exited: 5,
            killed: 2,
            dumped: 1,
        },
        lost_reaps: 7,
        lost: Some(model::counts::Lost {
            ring_full: 1,
            tasks_full: 2,
            malformed: 3,
            skipped_runs: 4,
        }),
        events: Events {
            death: 8,
            release: 7,
            waited: 6,
            freed: 5,
            renotified: 4,
            hung_up: 3,
            cgroup_made: 2,
            exec: 3,
        },
        present: [(
            Labels::of(Some(&workload("app"))),
            Present {
                zombies: 4,
                stale: 3,
                stuck: 1,
                dead_pidfds: 5,
                oldest_died_unix_seconds: Some(1_700_000_000.25),
            },
        )]
        .into(),
        counts_dead_pidfds: true,
        parents: [
            ("a\"b\\c\nd\u{1b}[0m\0".to_owned(), 2),
            (
                String::from_utf8_lossy(b"\xff\xfe{x=\"1\"} 2").into_owned(),
                1,
            ),
            (String::new(), 1),
        ]
        .map(|(comm, zombies)| Holder {
            workload: Labels::of(Some(&workload("app"))),
            comm,
            zombies,
        })
        .into(),
        lookups_failed: Failed {
            gone: 3,
            busy: 2,
            unnamed: 1,
        },
        pod_watch: Some(Watched {
            up: true,
            failures: [1, 2, 3, 4, 5, 6],
            last: None,
        }),
        cri: Some(Watched {
            failures: [7, 0, 8, 9, 10, 11],
            ..Watched::default()
        }),
        verdicts: vec!["never_waits", "parent_stopped"],
        culprits: [((Labels::of(Some(&workload("app"))), "never_waits"), 2)].into(),
        pids: vec![
            PidTable {
                scope: "node".to_owned(),
                workload: Labels::none(),
                used: 321,
                limit: 32_768,
                zombies: Some(7),
            },
            PidTable {
                scope: format!("/pods/{}/{}", "p".repeat(40), "c".repeat(40)),
                workload: Labels::of(Some(&workload("app"))),
                used: 5,
                limit: 10,
                zombies: None,
            },
        ],
        tables: vec![Table {
            name: "zombies",
            entries: 7,
            limit: 111_848,
        }],
        unlisted_zombies: 2,
        probes: vec![("reap".to_owned(), "fentry:release_task".to_owned())],
    }
}

#[test]
fn every_label_value_known_beforehand_is_there_at_0() {
    let sample = Sample {
        lost: Some(model::counts::Lost::default()),
        ..Sample::default()
    };
    let page = metrics().scrape(sample).text();
    for line in [
        &format!("reapwatch_exits_total{{{}}} 0", with_kind("exited")),
        &format!("reapwatch_exits_total{{{}}} 0", with_kind("killed")),
        &format!("reapwatch_exits_total{{{}}} 0", with_kind("dumped")),
        "reapwatch_events_lost_total{reason=\"ring_full\"} 0",
        "reapwatch_events_lost_total{reason=\"tasks_full\"} 0",
        "reapwatch_events_lost_total{reason=\"malformed\"} 0",
        "reapwatch_events_lost_total{reason=\"skipped_runs\"} 0",
        "reapwatch_events_total{event=\"hung_up\"} 0",
        "reapwatch_reconcile_corrections_total{kind=\"table_full\"} 0",
        "reapwatch_zombie_duration_seconds_count{how=\"namespace\"} 0",
        &format!("reapwatch_zombies{{{UNATTRIBUTED}}} 0"),
        &format!("reapwatch_reaped_late_total{{{UNATTRIBUTED}}} 0"),
        "reapwatch_workload_lookups_failed_total{reason=\"gone\"} 0",
        "reapwatch_pod_watch_failures_total{reason=\"forbidden\"} 0",
    ] {
        has(&page, line);
    }
    // Without a watch, there is no series.
    assert!(!page.contains("reapwatch_pod_watch_up"), "{page}");
}

#[test]
fn the_page_of_a_recording_has_only_what_a_recording_knows() {
    let page = metrics().scrape(Sample {
        is_recorded: true,
        ..full_sample()
    });
    let page = page.text();
    let unknown = families::NOT_RECORDED.iter().map(|it| it.name);
    for name in unknown.chain(["process_"]) {
        assert!(!page.contains(name), "{name} in {page}");
    }
    has(&page, "reapwatch_events_lost_total{reason=\"malformed\"} 3");
    has(&page, &format!("reapwatch_zombies{{{APP}}} 4"));
}

#[test]
fn failures_of_the_pod_watch_are_counted() {
    let page = metrics().scrape(full_sample()).text();
    has(&page, "reapwatch_pod_watch_up 1");
    has(
        &page,
        "reapwatch_pod_watch_failures_total{reason=\"expired\"} 2",
    );
    has(
        &page,
        "reapwatch_pod_watch_failures_total{reason=\"server\"} 6",
    );
}

#[test]
fn failures_of_the_container_runtime_are_failed_lookups() {
    let series = |page: &str| {
        let cri = |line: &&str| line.contains("reason=\"cri_");
        page.lines()
            .filter(cri)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let page = metrics().scrape(full_sample()).text();
    let expected = [
        ("disconnected", 9),
        ("forbidden", 7),
        ("malformed", 8),
        ("server", 11),
        ("slow", 10),
    ];
    let expected = expected.map(|(reason, count)| {
        format!("reapwatch_workload_lookups_failed_total{{reason=\"cri_{reason}\"}} {count}")
    });
    assert_eq!(series(&page), expected);
    // Without the flag, there are no such failures.
    assert_eq!(series(&metrics().scrape(Sample::default()).text()).len(), 0);
}

#[test]
fn culprits_have_workloads_and_every_verdict_has_a_series() {
    let page = metrics().scrape(full_sample()).text();
    has(
        &page,
        &format!("reapwatch_culprits{{{APP},verdict=\"never_waits\"}} 2"),
    );
    for verdict in ["never_waits", "parent_stopped"] {
        let nobody = "container=\"\",namespace=\"\",pod=\"\",unit=\"\"";
        has(
            &page,
            &format!("reapwatch_culprits{{{nobody},verdict=\"{verdict}\"}} 0"),
        );
    }
}

#[test]
fn totals_follow_the_kernel_and_never_fall() {
    let mut metrics = metrics();
    metrics.scrape(Sample {
        lost_reaps: 5,
        ..Sample::default()
    });
    let page = metrics
        .scrape(Sample {
            lost_reaps: 9,
            ..Sample::default()
        })
        .text();
    has(
        &page,
        &format!("reapwatch_reaped_total{{{UNATTRIBUTED}}} 9"),
    );
    let page = metrics
        .scrape(Sample {
            lost_reaps: 3,
            ..Sample::default()
        })
        .text();
    has(
        &page,
        &format!("reapwatch_reaped_total{{{UNATTRIBUTED}}} 9"),
    );
}

#[test]
fn series_of_gone_workloads_disappear() {
    let mut metrics = metrics();
    let page = metrics.scrape(full_sample()).text();
    has(
        &page,
        &format!("reapwatch_oldest_zombie_timestamp_seconds{{{APP}}} 1700000000.25"),
    );
    let node = r#"container="",namespace="",pod="",scope="node",unit="""#;
    has(&page, &format!("reapwatch_pids_used{{{node}}} 321"));
    has(&page, &format!("reapwatch_pids_limit{{{node}}} 32768"));
    has(&page, &format!("reapwatch_pids_zombies{{{node}}} 7"));
    let long = format!("{}/{}", "p".repeat(22), "c".repeat(40));
    let app = format!(r#"container="app",namespace="shop",pod="web-0",scope="{long}",unit="""#);
    has(&page, &format!("reapwatch_pids_used{{{app}}} 5"));
    let unknown = format!("reapwatch_pids_zombies{{{app}}}");
    assert!(!page.contains(&unknown), "{page}");
    has(
        &page,
        "reapwatch_probe_info{hook=\"fentry:release_task\",probe=\"reap\"} 1",
    );
    let page = metrics.scrape(Sample::default()).text();
    for name in [
        "oldest_zombie",
        "pids_used",
        "pids_limit",
        "pids_zombies",
        "probe_info",
        "parent_stale",
    ] {
        assert!(
            !page.contains(&format!("reapwatch_{name}")),
            "{name} is still in:\n{page}"
        );
    }
}

#[test]
fn odd_names_of_parents_are_escaped() {
    let page = metrics().scrape(full_sample()).text();
    has(
        &page,
        &format!(
            "reapwatch_parent_stale_zombies{{{}}} 2",
            of_app("a\\\"b\\\\c\u{fffd}d\u{fffd}[0m\u{fffd}")
        ),
    );
    has(
        &page,
        &format!(
            "reapwatch_parent_stale_zombies{{{}}} 1",
            of_app("\u{fffd}\u{fffd}{x=\\\"1\\\"} 2")
        ),
    );
}

#[test]
fn repairs_are_counted_by_kind() {
    let mut metrics = metrics();
    metrics.corrected(Correction::ReapMissed, 2);
    let page = metrics.scrape(Sample::default()).text();
    has(
        &page,
        "reapwatch_reconcile_corrections_total{kind=\"reap_missed\"} 2",
    );
    has(
        &page,
        "reapwatch_reconcile_corrections_total{kind=\"zombie_found\"} 0",
    );
}

#[test]
fn the_agent_measures_itself() {
    let page = metrics().scrape(Sample::default()).text();
    for name in [
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(
            page.lines().any(|line| line.starts_with(name)),
            "no {name}in:\n{page}"
        );
    }
}

#[test]
#[ignore = "needs promtool (Debian package prometheus)"]
fn promtool_finds_nothing() {
    let mut metrics = metrics();
    let recorded = Sample {
        is_recorded: true,
        ..full_sample()
    };
    for sample in [Sample::default(), full_sample(), recorded] {
        let record = Record {
            kill: Some(Box::new(Kill {
                by: Some(KillBy::Process),
                process: Some(process("sh")),
                signal: 64,
                at_ns: 96 * SECOND,
            })),
            ..record()
        };
        metrics.finished(&record, Some(&workload("app\n\"\\")), 0);
        let page = metrics.scrape(sample).text();
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool starts");
        let mut stdin = promtool.stdin.take().expect("it was piped");
        stdin
            .write_all(page.as_bytes())
            .expect("promtool reads the page");
        drop(stdin);
        let output = promtool.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&said), "", "about:\n{page}");
        assert!(output.status.success());
    }
}
