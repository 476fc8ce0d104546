//! Where the dead came from, and where advice applies.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::{Awaited, Place, Program};
use Confidence::{Certain, Guess, Likely};

#[test]
fn inits_subreapers_and_ordinary_parents_differ() {
    let mut evidence = ran(leak());
    evidence.zombies.adopted = 3;
    evidence.zombies.forker = Some("sh".to_owned());
    let verdict = assert_judged(&evidence, "subreaper_without_reaping", Likely);
    assert!(verdict.evidence[0].contains("sh"), "{verdict:#?}");

    facts(&mut evidence).own_number = Some((1, 1));
    let verdict = assert_judged(&evidence, "init_without_reaping", Likely);
    assert!(verdict.remedy.contains("tini"), "{}", verdict.remedy);
    assert!(
        !verdict.remedy.contains("restarting app"),
        "{}",
        verdict.remedy
    );
    evidence.comm = "tini".to_owned();
    let verdict = assert_judged(&evidence, "init_without_reaping", Likely);
    assert!(!verdict.remedy.contains("--init"), "{}", verdict.remedy);

    // The first process of a pod has no program to add an init before.
    evidence.comm = "pause".to_owned();
    let verdict = assert_judged(&evidence, "init_without_reaping", Likely);
    assert!(verdict.remedy.contains("pause image"), "{}", verdict.remedy);
    evidence.comm = "app".to_owned();

    // It reaps them, only not all at once.
    let slow = reaped(waited(evidence.clone(), 9, 1), 9, 1);
    assert_judged(&slow, "sigchld_coalesced", Guess);
    // It waits for its own child, and not for the orphans.
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Process(2));
    let verdict = assert_judged(
        &waited(evidence.clone(), 1, 100),
        "init_without_reaping",
        Likely,
    );
    let told = |line: &String| line.contains("PID 2 only");
    assert!(verdict.evidence.iter().any(told), "{verdict:#?}");
    // At the first look, before anybody could know who left them, it only waits for another.
    let mut first = evidence.clone();
    (first.watched_ns, first.zombies.adopted) = (SECOND, 0);
    assert_judged(&first, "waits_for_others", Likely);
    // Nobody knows whether it is an init.
    facts(&mut evidence).own_number = None;
    assert_judged(&waited(evidence, 1, 100), "waits_for_others", Likely);
}

#[test]
fn the_advice_for_an_init_fits_the_place() {
    let mut evidence = leak();
    facts(&mut evidence).own_number = Some((1, 1));
    let pod = |shares_pid_namespace| Place::Pod {
        name: "default/web/app".to_owned(),
        shares_pid_namespace,
    };
    let mut told = |place| {
        evidence.place = place;
        judge(&evidence).expect("there is a verdict").remedy
    };
    let in_pod = told(pod(false));
    assert!(
        in_pod.contains("pod spec") && !in_pod.contains("docker"),
        "{in_pod}"
    );
    let shared = told(pod(true));
    assert!(!shared.contains("shareProcessNamespace: true"), "{shared}");
    let plain = told(Place::Container {
        name: "web".to_owned(),
    });
    assert!(
        plain.contains("--init") && !plain.contains("pod spec"),
        "{plain}"
    );
    let unit = told(Place::Unit {
        name: "web.service".to_owned(),
    });
    assert!(
        unit.contains("web.service") && !unit.contains("docker"),
        "{unit}"
    );
}

#[test]
fn what_a_killed_shell_left_looks_like_a_probe() {
    let mut evidence = leak();
    facts(&mut evidence).own_number = Some((1, 1));
    evidence.zombies.adopted = 3;
    assert!(
        !judge(&evidence)
            .expect("there is a verdict")
            .remedy
            .contains("probe")
    );
    evidence.zombies.forker_was_killed = true;
    assert!(
        judge(&evidence)
            .expect("there is a verdict")
            .remedy
            .contains("probe")
    );
}

#[test]
fn children_of_the_program_before_are_not_its_own() {
    let mut evidence = leak();
    evidence.zombies.forked_before_exec = 3;
    assert_judged(&evidence, "forked_before_exec", Likely);
    evidence.zombies.forked_as = Some("start.sh".to_owned());
    evidence.program = Program {
        age_ns: Some(100 * SECOND),
        former: Some("start.sh".to_owned()),
        execs: None,
    };
    let verdict = assert_judged(&evidence, "forked_before_exec", Certain);
    assert!(verdict.summary.contains("start.sh"), "{}", verdict.summary);
    // Most are its own.
    evidence.zombies.forked_before_exec = 1;
    assert_judged(&evidence, "never_waits", Guess);
}

/// A program that execs itself may know its children: it may have handed their PIDs on.
#[test]
fn who_execs_itself_may_know_its_children() {
    let mut evidence = leak();
    evidence.zombies.forked_before_exec = 3;
    evidence.program.age_ns = Some(100 * SECOND);
    evidence.zombies.forked_as = Some("start.sh".to_owned());
    assert_judged(&evidence, "forked_before_exec", Certain);
    evidence.zombies.forked_as = Some(evidence.comm.clone());
    assert_judged(&evidence, "forked_before_exec", Likely);
    // What it forked since then has a cause of its own.
    evidence.zombies.forked_before_exec = 2;
    let verdict = assert_judged(&evidence, "forked_before_exec", Likely);
    let told = |line: &String| line.contains("1 other zombie") && line.contains("(never_waits, ");
    assert!(verdict.evidence.iter().any(told), "{verdict:#?}");
}

/// What a wait call asks for is a number of the caller's namespace.
#[test]
fn a_number_of_another_pid_namespace_is_told_as_such() {
    let told = |awaited| {
        let mut evidence = waited(leak(), 1, 100);
        facts(&mut evidence).looked_at[0].awaits = Some(awaited);
        let verdict = judge(&evidence).expect("there is a verdict");
        let line = verdict.evidence.iter().find(|line| line.contains("PID 6"));
        line.expect("it is told").contains("namespace")
    };
    assert!(!told(Awaited::Process(6)));
    assert!(told(Awaited::NamespaceProcess(6)));
}
