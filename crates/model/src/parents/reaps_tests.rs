//! Reaps that the kernel side counts and does not send.

use super::*;
use crate::state::LIMITS;

const SECOND: u64 = 1_000_000_000;

fn process(tgid: u32) -> Process {
    Process::new(tgid, 1, "parent")
}

fn reaps(total: u64, at: u64) -> Reaps {
    let samples = total.min(16);
    Reaps {
        by: process(1),
        exec_ns: 0,
        total,
        last_ns: at * SECOND,
        newest: (total, at * SECOND),
        zombie_ns: (0..samples)
            .map(|n| 1_000 * (total - samples + n + 1))
            .collect(),
    }
}

#[test]
fn reaps_without_an_event_count_once() {
    let mut parents = Parents::new(16, 0);
    parents.reaped(&reaps(40, 9), 10 * SECOND);
    parents.reaped(&reaps(40, 9), 11 * SECOND);
    parents.reaped(&reaps(42, 12), 12 * SECOND);
    let reaping = parents.reaping(process(1).key);
    assert_eq!((reaping.total, reaping.last_ns), (42, Some(12 * SECOND)));
    let rows = parents.rows(12 * SECOND, &Lifecycle::new(LIMITS));
    assert_eq!((rows[0].reaped_total, rows[0].p99_ns), (42, Some(42_000)));
    assert!(rows[0].reaped_per_second > 3.0);
}

#[test]
fn an_exec_begins_the_reaps_without_an_event_anew() {
    let mut parents = Parents::new(16, 0);
    parents.reaped(&reaps(40, 9), 10 * SECOND);
    let after = Reaps {
        exec_ns: 11 * SECOND,
        ..reaps(41, 12)
    };
    parents.reaped(&after, 12 * SECOND);
    assert_eq!(parents.reaping(process(1).key).total, 41);
}
