//! Who does not reap, and why: each way on its own, and all at the same time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scenarios::culprits::CASES;

use crate::agent::{Agent, eventually, view};
use crate::api::Culprit;
use crate::scenario::Misbehaving;

/// Rows of the table: what was true, and what was said.
type Matrix = BTreeMap<(String, String), String>;

fn verdict_on(agent: &Agent, pid: u32) -> Option<Culprit> {
    let culprits = agent.culprits().items.into_iter();
    culprits
        .into_iter()
        .find(|culprit| culprit.process.pid == pid)
}

fn id(culprit: Option<&Culprit>) -> String {
    let verdict = culprit.and_then(|culprit| culprit.verdict.as_ref());
    verdict.map_or("none".to_owned(), |verdict| verdict.id.clone())
}

/// What is said of each in the end; the last word on whoever is not judged rightly in time.
fn judged(agent: &Agent, cast: &[Misbehaving]) -> Matrix {
    let said = |one: &Misbehaving| id(verdict_on(agent, one.culprit.pid).as_ref());
    let right = |one: &Misbehaving| said(one) == one.culprit.verdict;
    eventually(|| cast.iter().all(right));
    let row = |one: &Misbehaving| {
        let truth = (one.culprit.name.clone(), one.culprit.verdict.clone());
        (truth, said(one))
    };
    cast.iter().map(row).collect()
}

fn assert_diagonal(matrix: &Matrix) {
    let mut table = format!("{:24} {:28} said\n", "scenario", "true");
    let mut wrong = 0;
    for ((name, truth), said) in matrix {
        let mark = if said == truth { "" } else { "  <- wrong" };
        wrong += u32::from(said != truth);
        writeln!(table, "{name:24} {truth:28} {said}{mark}").expect("to a string");
    }
    println!("{table}");
    assert_eq!(wrong, 0, "\n{table}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_culprit_has_its_verdict() {
    let agent = Agent::start(&[]);
    let mut matrix = Matrix::new();
    for case in CASES {
        let one = Misbehaving::start(case.name);
        matrix.append(&mut judged(&agent, &[one]));
    }
    assert_diagonal(&matrix);
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_culprit_has_its_verdict_beside_all_others() {
    let agent = Agent::start(&[]);
    let cast: Vec<_> = CASES
        .iter()
        .map(|case| Misbehaving::start(case.name))
        .collect();
    assert_diagonal(&judged(&agent, &cast));
    // It stays so, while looks are compared with earlier ones.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_diagonal(&judged(&agent, &cast));
    assert!(agent.metric("reapwatch_culprits", "waits_for_others") >= 3.0);
    for zombie in agent.zombies().items {
        let holder = zombie.tracer.as_ref().or(zombie.parent.as_ref());
        let holder =
            holder.and_then(|holder| cast.iter().find(|one| one.culprit.pid == holder.pid));
        let said = zombie.verdict.as_ref().map(|verdict| verdict.id.as_str());
        if let Some(holder) = holder {
            let truth = holder.culprit.verdict.as_str();
            assert!(
                [Some("just_died"), Some(truth)].contains(&said),
                "{zombie:#?}"
            );
        }
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_young_accuse_nobody() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("never_waits");
    let of = |zombie: &crate::api::Zombie| {
        zombie
            .parent
            .as_ref()
            .is_some_and(|parent| parent.pid == one.culprit.pid)
    };
    assert!(eventually(|| agent.zombies().items.iter().any(of)));
    let zombies = agent.zombies().items;
    let young = zombies
        .iter()
        .filter(|zombie| of(zombie) && zombie.zombie_seconds < 2.0);
    for zombie in young {
        let id = zombie.verdict.as_ref().map(|verdict| verdict.id.as_str());
        assert_eq!(id, Some("just_died"), "{zombie:#?}");
    }
    assert!(eventually(|| verdict_on(&agent, one.culprit.pid).is_some()));
    let fails = view(&["culprits", "--fail"], agent.socket());
    assert_eq!(fails.status.code(), Some(3));
    let told = String::from_utf8_lossy(&fails.stdout).into_owned();
    assert!(
        told.contains("never_waits") && told.contains("to do: "),
        "{told}"
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn what_the_remedy_names_helps() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("frozen_v1");
    let verdict = || verdict_on(&agent, one.culprit.pid).and_then(|culprit| culprit.verdict);
    assert!(eventually(
        || verdict().is_some_and(|it| it.id == "parent_frozen")
    ));
    let remedy = verdict().expect("it was there").remedy;
    let (_, command) = remedy.rsplit_once(": ").expect("a command ends it");
    let thawed = std::process::Command::new("sh")
        .args(["-c", command])
        .status();
    assert!(thawed.is_ok_and(|status| status.success()), "{command}");
    assert!(eventually(|| verdict_on(&agent, one.culprit.pid).is_none()));
}
