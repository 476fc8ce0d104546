//! Many deaths at once: none is counted wrong, and losses are reported.

use std::collections::HashSet;
use std::fs;

use crate::agent::{Agent, eventually};
use crate::scenario::{Leak, crowd};
use crate::stream::Stream;

/// Forks of the whole machine since it started: an upper bound of its deaths.
fn forks() -> f64 {
    let stat = fs::read_to_string("/proc/stat").expect("/proc is mounted");
    let line = stat
        .lines()
        .find_map(|line| line.strip_prefix("processes "));
    line.expect("the kernel counts forks")
        .trim()
        .parse()
        .expect("a number")
}

fn exits(agent: &Agent) -> f64 {
    agent.metric("reapwatch_exits_total", "")
}

/// Asserts that the counter grew by these deaths, and by no more than the machine can explain.
fn assert_grew(agent: &Agent, exits_before: f64, forks_before: f64, count: f64) {
    let mut grown = 0.0;
    eventually(|| {
        grown = exits(agent) - exits_before;
        grown >= count
    });
    assert!(grown >= count, "{grown} of {count}");
    // Processes that were forked before may have died since; more than this many are not there.
    let alive = fs::read_dir("/proc").expect("/proc is mounted").count() as f64;
    assert!(
        grown <= forks() - forks_before + alive,
        "{grown} for {count}"
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF, alone: it floods the host with deaths"]
fn a_burst_of_2000_has_each_death_once() {
    let agent = Agent::start(&[]);
    let mut stream = Stream::of(&agent);
    let (exits_before, forks_before) = (exits(&agent), forks());
    let burst = crowd("burst", 2000);
    assert_grew(&agent, exits_before, forks_before, 2000.0);
    let lines = stream.collect_where(|line| {
        line.comm == burst.comm
            && line
                .parent
                .as_ref()
                .is_some_and(|by| by.pid == burst.parent)
    });
    assert_eq!(stream.lost, 0, "the stream kept up");
    assert_eq!(lines.len(), 2000);
    let distinct: HashSet<_> = lines
        .iter()
        .map(|line| (line.pid, &line.start_time))
        .collect();
    assert_eq!(distinct.len(), 2000);
    let reaped_by_parent = |by: u32| by == burst.parent;
    assert!(lines.iter().all(|line| {
        line.how == api::How::Wait
            && line
                .reaper
                .as_ref()
                .is_some_and(|by| reaped_by_parent(by.process.pid))
    }));
}

#[test]
#[ignore = "needs root and a kernel with BTF, alone: it floods the host with deaths"]
fn twenty_thousand_deaths_are_all_counted() {
    let agent = Agent::start(&[]);
    let (exits_before, forks_before) = (exits(&agent), forks());
    let reaped_before = agent.metric("reapwatch_reaped_total", "");
    crowd("cycles", 20_000);
    assert_grew(&agent, exits_before, forks_before, 20_000.0);
    assert!(eventually(|| {
        agent.metric("reapwatch_reaped_total", "") - reaped_before >= 20_000.0
    }));
}

#[test]
#[ignore = "needs root and a kernel with BTF, alone: it floods the host with deaths"]
fn a_stopped_reader_loses_detail_but_no_count() {
    let agent = Agent::start(&["--ring-bytes", "64KiB", "--reconcile-every", "1s"]);
    // Otherwise ordinary deaths are only counted, and nothing fills the ring.
    let _every_death_is_sent = Stream::of(&agent);
    let before = Leak::start(20);
    let listed = |pid: u32| {
        let items = agent.zombies().items.into_iter();
        items
            .filter(|zombie| zombie.parent.as_ref().is_some_and(|by| by.pid == pid))
            .count()
    };
    assert!(eventually(|| listed(before.pid()) == 20));
    let (exits_before, forks_before) = (exits(&agent), forks());
    let gone: HashSet<u32> = before.truths.iter().map(|truth| truth.pid).collect();

    agent.signal(libc::SIGSTOP);
    crowd("cycles", 20_000);
    let during = Leak::start(30);
    drop(before);
    agent.signal(libc::SIGCONT);

    assert_grew(&agent, exits_before, forks_before, 20_030.0);
    assert!(agent.metric("reapwatch_events_lost_total", "reason=\"ring_full\"") > 0.0);
    assert!(
        eventually(|| listed(during.pid()) == 30),
        "the lost zombies were not found"
    );
    assert!(agent.metric("reapwatch_reconcile_corrections_total", "") > 0.0);
    // Their PIDs may have come to others since, but not to zombies of that name.
    assert!(eventually(|| {
        let mut items = agent.zombies().items.into_iter();
        !items.any(|zombie| gone.contains(&zombie.pid) && zombie.comm == "rw-leak")
    }));
}
