//! How full the PID tables are.

use std::fs;
use std::path::PathBuf;

use scenarios::stays::LIMIT;

use crate::agent::{Agent, eventually, view};
use crate::row::Verdicts;
use crate::scenario::{Leak, Misbehaving, Staying};
use api::Pids;

fn of(agent: &Agent, scope: &str) -> Option<Pids> {
    let pids = agent.culprits_and_pids().pids;
    pids.into_iter().find(|it| it.scope.name() == scope)
}

/// The time until it is full must follow from the other reported values.
fn assert_consistent(pids: &Pids) {
    let leak = pids.leaked_per_second.filter(|&leak| leak > 0.0);
    let full = leak.map(|leak| (pids.limit - pids.used) as f64 / leak);
    match (full, pids.full_in_seconds) {
        (None, None) => {}
        (Some(full), Some(reported)) => {
            assert!(
                (full - reported.0).abs() <= full * 1e-9,
                "{full} is not in {pids:#?}"
            );
        }
        (full, _) => panic!("{full:?} is not in {pids:#?}"),
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_nodes_table_counts_processes_threads_and_zombies() {
    let agent = Agent::start(&[]);
    let _leak = Leak::start(300);
    let mut reported = None;
    assert!(eventually(|| {
        reported = of(&agent, "node");
        reported.as_ref().is_some_and(|it| it.zombies >= Some(300))
    }));
    let node = reported.expect("it was listed");
    assert!(node.used > 300 && node.used <= node.limit, "{node:#?}");
    assert!(node.container.is_none());
    assert_consistent(&node);
    let pid_max = fs::read_to_string("/proc/sys/kernel/pid_max").expect("it is there");
    assert!(node.limit <= pid_max.trim().parse().expect("a number"));
    let page = String::from_utf8_lossy(&view(&["culprits"], agent.socket()).stdout).into_owned();
    assert!(page.contains("PIDs of the node: "), "{page}");
    let metric = |name: &str| agent.metric(name, "scope=\"node\"");
    assert!(metric("reapwatch_pids_zombies") >= 300.0);
    assert!(metric("reapwatch_pids_used") <= metric("reapwatch_pids_limit"));
}

/// The folder of a cgroup with a limit.
fn folder(cgroup: &str) -> PathBuf {
    let roots = [
        "/sys/fs/cgroup/pids",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/unified",
    ];
    let folders = roots.map(|root| PathBuf::from(format!("{root}{cgroup}")));
    let mut folders = folders.into_iter();
    let found = folders.find(|folder| folder.join("pids.max").exists());
    found.expect("its hierarchy is mounted")
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn forks_that_a_limit_refuses_are_counted() {
    let mut verdicts = Verdicts::default();
    verdicts.of("refused_forks", count_refused_forks);
    verdicts.end();
}

/// In the hierarchy that has the controller: that of version 2 in virtual machines.
fn count_refused_forks() {
    let agent = Agent::start(&[]);
    let one = Staying::start("filled");
    let scope = one.stay.cgroup.clone().expect("it has one");
    let refused = || agent.metric("reapwatch_pids_refused_total", "");
    // Changes count only after the first reading of a cgroup.
    assert!(eventually(|| of(&agent, &scope).is_some()));
    let before = refused();
    fs::write(folder(&scope).join("pids.max"), "1").expect("the limit can be lowered");
    let forks = || of(&agent, &scope).and_then(|it| it.refused_forks);
    assert!(
        eventually(|| forks() > Some(0)),
        "{:#?}",
        of(&agent, &scope)
    );
    assert!(eventually(|| refused() > before), "{before}");
    let page = String::from_utf8_lossy(&view(&["culprits"], agent.socket()).stdout).into_owned();
    assert!(page.contains(" refused so far"), "{page}");
    let top: serde_json::Value = agent.document("top");
    let pids = top["items"][0]["pids"].as_array().expect("a list");
    let reported = pids.iter().find(|it| it["scope"] == scope.as_str());
    assert!(
        reported.is_some_and(|it| it["refused_forks"].as_u64() > Some(0)),
        "{top}"
    );
}

/// When PIDs have run out, no thread can be started, and people ask why.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn evidence_is_collected_where_no_thread_can_be_started() {
    let full = Staying::start("filled");
    let agent = Agent::start(&[]);
    let scope = full.stay.cgroup.clone().expect("it has one");
    let set = |file, value: &str| fs::write(folder(&scope).join(file), value).expect("it is set");
    set("cgroup.procs", &agent.pid().to_string());
    set("pids.max", "1");
    // From the signals that it blocks, which only its files tell.
    let one = Misbehaving::start("sigchld_blocked");
    let verdict = || agent.culprit(one.culprit.pid)?.verdict;
    let is_known = || verdict().is_some_and(|it| it.id.to_string() == one.culprit.verdict);
    assert!(eventually(is_known), "{:#?}", verdict());
    drop(agent);
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_cgroup_filling_with_zombies_has_a_time_until_full() {
    let agent = Agent::start(&[]);
    let one = Staying::start("filled");
    let scope = one.stay.cgroup.clone().expect("it has one");
    let mut reported: Vec<Pids> = Vec::new();
    let forecast = || {
        let answer = agent.culprits_and_pids();
        let mut culprits = answer.document.items.iter();
        let culprit = culprits.find(|it| it.process.pid == one.stay.pid);
        let now = answer.pids.into_iter().find(|it| it.scope.name() == scope);
        if let (Some(culprit), Some(now)) = (culprit, &now) {
            let zombies = Some(culprit.zombies.min(now.used));
            assert_eq!(now.zombies, zombies, "not from one moment");
        }
        if let Some(now) = now {
            assert_consistent(&now);
            if now.full_in_seconds.is_some() {
                reported.push(now);
            }
        }
        reported
            .last()
            .is_some_and(|last| last.used > reported[0].used)
    };
    assert!(
        eventually(forecast),
        "{:#?}",
        agent.culprits_and_pids().pids
    );
    let (first, last) = (&reported[0], &reported[reported.len() - 1]);
    for pids in [first, last] {
        assert_eq!(pids.limit, LIMIT);
        let zombies = pids.zombies.expect("they are known");
        assert!(zombies > 0 && zombies <= pids.used, "{pids:#?}");
    }
    assert!(last.zombies > first.zombies, "{reported:#?}");
    let label = format!("scope=\"{scope}\"");
    let limit = agent.metric("reapwatch_pids_limit", &label);
    assert_eq!(limit as u64, LIMIT);
    assert!(agent.metric("reapwatch_pids_used", &label) >= first.used as f64);
    assert!(agent.metric("reapwatch_pids_zombies", &label) >= 1.0);
}
