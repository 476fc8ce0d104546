use super::tests::{SECOND, UNATTRIBUTED, has, metrics, record, with_kind, workload};
use super::*;

#[test]
fn groups_add_up_to_all_exits() {
    let mut metrics = metrics();
    for n in 0..2_000 {
        let workload = workload(&format!("app-{n}"));
        metrics.exited(ExitKind::Exited, Some(&workload), n);
        metrics.exited(ExitKind::Killed, Some(&workload), n);
        metrics.finished(&record(), Some(&workload), n);
    }
    metrics.exited(ExitKind::Exited, None, 2_000);
    let page = metrics
        .scrape(Sample {
            lost_exits: Exits {
                exited: 5,
                killed: 2,
                dumped: 1,
            },
            lost_reaps: 8,
            ..Sample::default()
        })
        .text();
    let series = |name: &str| {
        let lines = page
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")));
        let values = lines.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>());
        let values: Vec<_> = values.map(|value| value.expect("a number")).collect();
        (values.len(), values.iter().sum::<f64>())
    };
    assert_eq!(series("reapwatch_exits_total"), (3 * 258, 4_009.0));
    assert_eq!(series("reapwatch_reaped_total"), (258, 2_008.0));
    assert_eq!(series("reapwatch_zombie_seconds_total"), (258, 4_000.0));
    has(
        &page,
        &format!("reapwatch_exits_total{{{}}} 6", with_kind("exited")),
    );
}

#[test]
fn a_corrected_reap_counts_once() {
    let mut metrics = metrics();
    metrics.finished(&record(), None, 0);
    metrics.take_back(record().process.key);
    metrics.finished(&record(), None, 0);
    let page = metrics.scrape(Sample::default()).text();
    has(
        &page,
        &format!("reapwatch_reaped_total{{{UNATTRIBUTED}}} 1"),
    );
}

#[test]
fn stuck_exits_of_gone_workloads_disappear() {
    let mut metrics = metrics();
    let mut stuck_series = |now_ns| {
        let stuck = |n| {
            (
                Labels::of(Some(&workload(&format!("{now_ns}-{n}")))),
                Present {
                    stuck: 1,
                    ..Present::default()
                },
            )
        };
        let sample = Sample {
            now_ns,
            present: (0..100).map(stuck).collect(),
            ..Sample::default()
        };
        metrics.expire(&HashSet::new(), now_ns);
        let page = metrics.scrape(sample).text();
        let series = |line: &&str| line.starts_with("reapwatch_stuck_exits{");
        page.lines().filter(series).count()
    };
    for hour in 1..4 {
        assert_eq!(stuck_series(hour * 3_600 * SECOND), 100 + 1);
    }
}
