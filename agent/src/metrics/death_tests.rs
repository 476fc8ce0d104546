//! What one death adds to the page.

use super::tests::{SECOND, UNATTRIBUTED, has, metrics, process, reap, record, stepped};
use super::*;
use model::events::{Kill, KillBy};
use model::lifecycle::{Died, DiedBound, How, Reap};

/// The page after this one death.
fn page_of(record: &Record) -> String {
    let mut metrics = metrics();
    metrics.finished(record, None, 0);
    metrics.scrape(Sample::default()).text()
}
#[test]
fn steps_are_summed_where_they_are_known() {
    let mut metrics = metrics();
    metrics.finished(&record(), None, 0);
    let name = "reapwatch_exit_step_seconds_total";
    assert!(!metrics.scrape(Sample::default()).text().contains(name));
    metrics.finished(&stepped(), None, 0);
    metrics.finished(&stepped(), None, 0);
    let page = metrics.scrape(Sample::default()).text();
    let series: Vec<_> = page.lines().filter(|line| line.starts_with(name)).collect();
    assert_eq!(
        series,
        [
            format!("{name}{{step=\"closing_files\"}} 1"),
            format!("{name}{{step=\"releasing_memory\"}} 0"),
        ]
    );
}
#[test]
fn a_complete_death_is_in_each_histogram_once() {
    let page = page_of(&Record {
        kill: Some(Box::new(Kill {
            by: Some(KillBy::Oom),
            process: None,
            signal: 9,
            at_ns: 96 * SECOND,
        })),
        ..record()
    });
    has(
        &page,
        "reapwatch_exit_duration_seconds_bucket{le=\"0.3\"} 0",
    );
    has(&page, "reapwatch_exit_duration_seconds_bucket{le=\"1\"} 1");
    has(&page, "reapwatch_exit_duration_seconds_sum 0.5");
    has(
        &page,
        "reapwatch_zombie_duration_seconds_sum{how=\"wait\"} 2",
    );
    has(
        &page,
        "reapwatch_kill_duration_seconds_sum{signal=\"SIGKILL\"} 4",
    );
    has(
        &page,
        &format!("reapwatch_zombie_seconds_total{{{UNATTRIBUTED}}} 2"),
    );
    has(
        &page,
        &format!("reapwatch_reaped_late_total{{{UNATTRIBUTED}}} 0"),
    );
}

#[test]
fn a_death_known_only_by_a_bound_is_in_no_histogram() {
    for bound in [DiedBound::NotBefore, DiedBound::NotAfter] {
        let page = page_of(&Record {
            died: Died {
                at_ns: 100 * SECOND,
                bound,
            },
            kill: Some(Box::new(Kill {
                by: Some(KillBy::Process),
                process: Some(process("sh")),
                signal: 9,
                at_ns: 96 * SECOND,
            })),
            ..record()
        });
        has(&page, "reapwatch_exit_duration_seconds_count 0");
        has(
            &page,
            "reapwatch_zombie_duration_seconds_count{how=\"wait\"} 0",
        );
        has(
            &page,
            "reapwatch_kill_duration_seconds_count{signal=\"SIGKILL\"} 0",
        );
        has(
            &page,
            &format!("reapwatch_zombie_seconds_total{{{UNATTRIBUTED}}} 2"),
        );
    }
}

#[test]
fn a_reap_known_only_by_a_bound_adds_no_zombie_time() {
    let unseen = Reap {
        at_is_upper_bound: true,
        ..reap(200 * SECOND, How::Unknown)
    };
    let page = page_of(&Record {
        reap: Some(Box::new(unseen)),
        ..record()
    });
    has(&page, "reapwatch_exit_duration_seconds_count 1");
    has(
        &page,
        "reapwatch_zombie_duration_seconds_count{how=\"unknown\"} 0",
    );
    has(
        &page,
        &format!("reapwatch_zombie_seconds_total{{{UNATTRIBUTED}}} 0"),
    );
    has(
        &page,
        &format!("reapwatch_reaped_late_total{{{UNATTRIBUTED}}} 0"),
    );
}

#[test]
fn an_autoreap_is_a_zombie_time_of_0() {
    for (at_ns, bound) in [
        (None, DiedBound::Exact),
        (Some(100 * SECOND), DiedBound::NotBefore),
    ] {
        let page = page_of(&Record {
            died: Died {
                at_ns: 100 * SECOND,
                bound,
            },
            reap: Some(Box::new(Reap {
                at_ns,
                ..reap(0, How::Autoreap)
            })),
            ..record()
        });
        has(
            &page,
            "reapwatch_zombie_duration_seconds_bucket{how=\"autoreap\",le=\"0.00001\"} 1",
        );
        has(
            &page,
            "reapwatch_zombie_duration_seconds_sum{how=\"autoreap\"} 0",
        );
    }
}

#[test]
fn an_autoreaped_orphan_has_zombie_time_until_its_adoption() {
    let page = page_of(&Record {
        reap: Some(Box::new(reap(105 * SECOND, How::Autoreap))),
        ..record()
    });
    has(
        &page,
        "reapwatch_zombie_duration_seconds_sum{how=\"autoreap\"} 5",
    );
}

#[test]
fn a_reap_after_the_threshold_is_late() {
    let page = page_of(&Record {
        reap: Some(Box::new(reap(110 * SECOND, How::Wait))),
        ..record()
    });
    has(
        &page,
        &format!("reapwatch_reaped_late_total{{{UNATTRIBUTED}}} 0"),
    );
    let page = page_of(&Record {
        reap: Some(Box::new(reap(110 * SECOND + 1, How::Wait))),
        ..record()
    });
    has(
        &page,
        &format!("reapwatch_reaped_late_total{{{UNATTRIBUTED}}} 1"),
    );
}
