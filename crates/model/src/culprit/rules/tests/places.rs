//! How zombies became children of their parent, and advice that fits the place.

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

    // No init can be put before the first process of a pod.
    evidence.comm = "pause".to_owned();
    let verdict = assert_judged(&evidence, "init_without_reaping", Likely);
    assert!(verdict.remedy.contains("pause image"), "{}", verdict.remedy);
    evidence.comm = "app".to_owned();

    // It reaps them, only not all of them in time.
    let slow = reaped(waited(evidence.clone(), 9, 1), 9, 1);
    assert_judged(&slow, "sigchld_coalesced", Guess);
    // It waits for its own child and not for the orphans.
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Process(2));
    let verdict = assert_judged(
        &waited(evidence.clone(), 1, 100),
        "init_without_reaping",
        Likely,
    );
    let named = |line: &String| line.contains("PID 2 only");
    assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
    // At the first look, before the orphans are known as such, it waits for another child.
    let mut first = evidence.clone();
    (first.watched_ns, first.zombies.adopted) = (SECOND, 0);
    assert_judged(&first, "waits_for_others", Likely);
    // It is not known whether it is an init.
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
    let mut remedy = |place| {
        evidence.place = place;
        judge(&evidence).expect("there is a verdict").remedy
    };
    let in_pod = remedy(pod(false));
    assert!(
        in_pod.contains("pod spec") && !in_pod.contains("docker"),
        "{in_pod}"
    );
    let shared = remedy(pod(true));
    assert!(!shared.contains("shareProcessNamespace: true"), "{shared}");
    let plain = remedy(Place::Container {
        name: "web".to_owned(),
    });
    assert!(
        plain.contains("--init") && !plain.contains("pod spec"),
        "{plain}"
    );
    let unit = remedy(Place::Unit {
        name: "web.service".to_owned(),
    });
    assert!(
        unit.contains("web.service") && !unit.contains("docker"),
        "{unit}"
    );
}

#[test]
fn orphans_of_a_killed_shell_lead_to_advice_on_probes() {
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
fn children_of_an_earlier_program_are_not_its_own() {
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

/// A program that execs itself may pass the PIDs of its children on.
#[test]
fn a_program_that_execs_itself_may_still_know_its_children() {
    let mut evidence = leak();
    evidence.zombies.forked_before_exec = 3;
    evidence.program.age_ns = Some(100 * SECOND);
    evidence.zombies.forked_as = Some("start.sh".to_owned());
    assert_judged(&evidence, "forked_before_exec", Certain);
    evidence.zombies.forked_as = Some(evidence.comm.clone());
    assert_judged(&evidence, "forked_before_exec", Likely);
    // Children that it forked after that have another cause.
    evidence.zombies.forked_before_exec = 2;
    let verdict = assert_judged(&evidence, "forked_before_exec", Likely);
    let named = |line: &String| line.contains("1 other zombie") && line.contains("(never_waits, ");
    assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
}

/// The PID in a wait call is one of the caller's namespace.
#[test]
fn a_pid_of_another_namespace_is_marked_as_such() {
    let names_namespace = |awaited| {
        let mut evidence = waited(leak(), 1, 100);
        facts(&mut evidence).looked_at[0].awaits = Some(awaited);
        let verdict = judge(&evidence).expect("there is a verdict");
        let line = verdict.evidence.iter().find(|line| line.contains("PID 6"));
        line.expect("the PID is named").contains("namespace")
    };
    assert!(!names_namespace(Awaited::Process(6)));
    assert!(names_namespace(Awaited::NamespaceProcess(6)));
}
