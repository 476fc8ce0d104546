//! Processes that do not reap, and why: each kind alone, and all at the same time.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use scenarios::culprits::CASES;

use crate::agent::{Agent, PATIENCE, eventually, view, within};
use crate::matrix::Matrix;
use crate::row::Verdicts;
use crate::scenario::{Misbehaving, Staying};
use crate::stuck::has_ended;
use api::{Confidence, Culprit, Zombie};

/// A starved machine reads the files of only a few in each round, and some verdicts need two looks.
const ROUNDS: Duration = PATIENCE.saturating_mul(4);

fn id(culprit: Option<&Culprit>) -> String {
    let verdict = culprit.and_then(|culprit| culprit.verdict.as_ref());
    verdict.map_or("none".to_owned(), |verdict| verdict.id.to_string())
}

/// Notes what is reported of each at one moment: when all verdicts are right, or at the end.
fn note(matrix: &mut Matrix, agent: &Agent, cast: &[Misbehaving]) {
    let mut reported = Vec::new();
    within(ROUNDS, || {
        let culprits = agent.culprits().items;
        let of = |one: &Misbehaving| {
            let mut culprits = culprits.iter();
            id(culprits.find(|culprit| culprit.process.pid == one.culprit.pid))
        };
        reported = cast.iter().map(of).collect();
        let mut both = cast.iter().zip(&reported);
        both.all(|(one, reported)| *reported == one.culprit.verdict)
    });
    for (one, reported) in cast.iter().zip(&reported) {
        matrix.note(&one.culprit.name, &one.culprit.verdict, reported);
        if *reported != one.culprit.verdict {
            println!("{:#?}", agent.culprit(one.culprit.pid));
        }
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_culprit_has_its_verdict() {
    let agent = Agent::start(&[]);
    Matrix::ids(
        agent
            .labels("reapwatch_culprits", "verdict")
            .iter()
            .filter(|id| *id != "unexplained"),
    );
    let mut matrix = Matrix::new("alone");
    for case in CASES {
        note(&mut matrix, &agent, &[Misbehaving::start(case.name)]);
    }
    matrix.end();
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_culprit_has_its_verdict_beside_all_others() {
    let mut verdicts = Verdicts::default();
    verdicts.of("verdicts", judge_all_at_once);
    verdicts.end();
}

fn judge_all_at_once() {
    let agent = Agent::start(&[]);
    let cast: Vec<_> = CASES
        .iter()
        .map(|case| Misbehaving::start(case.name))
        .collect();
    let living = Staying::start("leader_exited");
    let mut first = Matrix::new("together");
    note(&mut first, &agent, &cast);
    first.end();
    // It stays so, while looks are compared with earlier ones.
    std::thread::sleep(Duration::from_secs(3));
    let mut second = Matrix::new("later");
    note(&mut second, &agent, &cast);
    let verdict = agent.explain(living.stay.pid).story.verdict;
    let reported = verdict.map_or("none".to_owned(), |verdict| verdict.id.to_string());
    second.note("leader_exited", "leader_exited", &reported);
    second.end();
    assert!(agent.culprit(living.stay.pid).is_none());
    let zombies = agent.zombies().items;
    assert!(zombies.iter().all(|it| it.pid != living.stay.pid));
    assert!(agent.metric("reapwatch_culprits", "waits_for_others") >= 5.0);
    let mut wrong = BTreeSet::new();
    let right = within(ROUNDS, || {
        wrong = misjudged(&agent, &cast);
        wrong.is_empty()
    });
    assert!(right, "{wrong:#?}");
}

/// The zombies whose verdict is neither that of their holder nor that they are young.
fn misjudged(agent: &Agent, cast: &[Misbehaving]) -> BTreeSet<String> {
    let zombies = agent.zombies().items.into_iter();
    let wrong = zombies.filter_map(|zombie| {
        let holder = zombie.tracer.as_ref().or(zombie.parent.as_ref())?;
        let one = cast.iter().find(|one| one.culprit.pid == holder.pid)?;
        let truth = one.culprit.verdict.as_str();
        let reported = zombie.verdict.as_ref().map(|verdict| &*verdict.id.0);
        let is_right = [Some("just_died"), Some(truth)].contains(&reported);
        (!is_right).then(|| format!("{truth} is true, {reported:?} was reported: {zombie:?}"))
    });
    wrong.collect()
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn parents_of_young_zombies_are_not_culprits() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("never_waits");
    let of = |zombie: &Zombie| {
        let parent = zombie.parent.as_ref();
        parent.is_some_and(|parent| parent.pid == one.culprit.pid)
    };
    let mut young = Vec::new();
    // Each look may come too late on a slow machine: then others are made.
    let mut others = Vec::new();
    assert!(eventually(|| {
        let zombies = agent.zombies().items.into_iter();
        young = zombies
            .filter(|zombie| zombie.comm == "scenarios" && zombie.zombie_seconds < 2.0)
            .collect();
        if young.is_empty() {
            others.push(Misbehaving::start("never_waits"));
        }
        !young.is_empty()
    }));
    let mut matrix = Matrix::new("alone");
    for zombie in young {
        let verdict = zombie.verdict.as_ref();
        let reported = verdict.map_or("none", |verdict| &*verdict.id.0);
        matrix.note("young", "just_died", reported);
    }
    matrix.end();
    drop(others);
    assert!(eventually(|| agent.zombies().items.iter().any(of)));
    assert!(eventually(|| agent.culprit(one.culprit.pid).is_some()));
    let fails = view(&["culprits", "--fail"], agent.socket());
    assert_eq!(fails.status.code(), Some(3));
    let stdout = String::from_utf8_lossy(&fails.stdout).into_owned();
    assert!(stdout.contains("never_waits"), "{stdout}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_process_that_left_the_orphans_is_named() {
    let agent = Agent::start(&[]);
    for (scenario, forker) in [
        ("init", "rw-script"),
        ("exec_probe", "rw-probe"),
        ("pause", "rw-container"),
        ("subreaper", "rw-forker"),
    ] {
        let one = Misbehaving::start(scenario);
        let evidence = || {
            let culprit = agent.culprit(one.culprit.pid)?;
            Some(culprit.verdict?.evidence)
        };
        let named = |lines: Vec<String>| lines.iter().any(|line| line.contains(forker));
        assert!(
            eventually(|| evidence().is_some_and(named)),
            "{scenario}: {:#?}",
            evidence()
        );
    }
}

/// Known from the arguments of its waits: its threads sleep outside of them nearly all the time.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_children_that_a_parent_asks_for_are_certain() {
    let agent = Agent::start(&[]);
    for (scenario, stdout) in [
        ("polls_for_one", "for one process by its PID"),
        ("waits_for_each_new", "for one process by its PID"),
        ("waits_for_clones_only", "(__WCLONE)"),
        ("waits_by_thread", "(__WNOTHREAD)"),
        ("peeked", "WNOWAIT"),
    ] {
        let one = Misbehaving::start(scenario);
        let certain = || {
            let culprit = agent.culprit(one.culprit.pid);
            culprit
                .and_then(|culprit| culprit.verdict)
                .is_some_and(|it| {
                    it.confidence == Confidence::Certain
                        && it.evidence.iter().any(|line| line.contains(stdout))
                })
        };
        let found = eventually(certain);
        assert!(found, "{:#?}", agent.culprit(one.culprit.pid));
    }
}

/// The zombies that it holds as their tracer or parent.
fn held_by(agent: &Agent, pid: u32) -> Vec<Zombie> {
    let zombies = agent.zombies().items.into_iter();
    let held = zombies.filter(|zombie| {
        let holder = zombie.tracer.as_ref().or(zombie.parent.as_ref());
        holder.is_some_and(|holder| holder.pid == pid)
    });
    held.collect()
}

/// The command that a remedy names: from `kill`, `echo` on to what cannot be a part of it.
fn command(remedy: &str) -> String {
    let begin = ["echo ", "kill -"]
        .iter()
        .filter_map(|word| remedy.find(word));
    let begin = begin
        .min()
        .unwrap_or_else(|| panic!("no command in: {remedy}"));
    let command = &remedy[begin..];
    if command.starts_with("echo") {
        return command.to_owned();
    }
    let words: Vec<_> = command.split(' ').take(3).collect();
    let words = words.join(" ");
    words.trim_end_matches([';', ',', ':']).to_owned()
}

/// Those whose remedy is a command, and their verdicts.
const COMMANDED: [(&str, &str); 5] = [
    ("frozen_v1", "parent_frozen"),
    ("frozen_v2", "parent_frozen"),
    ("stopped", "parent_stopped"),
    ("held_by_tracer", "held_by_tracer"),
    ("uninterruptible", "parent_uninterruptible"),
];

/// The verdicts whose advice is followed here.
pub(crate) fn followed() -> impl Iterator<Item = &'static str> {
    COMMANDED.map(|(_, id)| id).into_iter()
}

/// Each remedy that is a command is run as it stands, and then its zombies are gone and their
/// parents live on.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_command_in_a_remedy_helps() {
    let agent = Agent::start(&[]);
    for (scenario, id) in COMMANDED {
        let one = Misbehaving::start(scenario);
        let verdict = || {
            agent
                .culprit(one.culprit.pid)
                .and_then(|culprit| culprit.verdict)
        };
        let judged = eventually(|| verdict().is_some_and(|it| it.id == id));
        assert!(judged, "{scenario}: {:#?}", verdict());
        let remedy = verdict().expect("it was there").remedy;
        // It may have been done on purpose.
        let deliberate = ["parent_frozen", "parent_stopped"].contains(&id);
        assert!(!deliberate || remedy.contains("on purpose"), "{remedy}");
        let command = command(&remedy);
        let held = held_by(&agent, one.culprit.pid);
        assert!(!held.is_empty(), "{scenario}");
        let done = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        assert!(done.is_ok_and(|status| status.success()), "{command}");
        let helped = eventually(|| agent.culprit(one.culprit.pid).is_none());
        assert!(helped, "{scenario}: {command} did not help");
        for zombie in held {
            let gone = eventually(|| !Path::new(&format!("/proc/{}", zombie.pid)).exists());
            assert!(gone, "{scenario}: {zombie:#?}");
            let parent = zombie.parent.expect("it is known").pid;
            assert!(!has_ended(parent), "{scenario}: {command} ended the parent");
        }
    }
}
