//! Processes that ignore a terminating signal.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::Place;
use crate::stuck::evidence::ignored::{Awaited, Fate};
use Confidence::{Certain, Likely};

#[test]
fn an_ignored_signal_is_a_verdict_if_a_process_waits() {
    for fate in [Fate::AsInit, Fate::ByChoice] {
        let evidence = ignoring(fate, Some(Awaited::BySender));
        let verdict = assert_judged(&evidence, "term_ignored", Certain);
        assert_names(
            &verdict.summary,
            &["app (PID 100)", "SIGTERM", "runc (PID 7)"],
        );
        assert!(
            verdict.remedy.ends_with(": kill -9 100"),
            "{}",
            verdict.remedy
        );
        assert_eq!(verdict.summary.contains("SIG_IGN"), fate == Fate::ByChoice);
        assert_judged(
            &ignoring(fate, Some(Awaited::Again)),
            "term_ignored",
            Likely,
        );
        assert_eq!(judge(&ignoring(fate, None)), None);
    }
}

#[test]
fn the_advice_on_an_ignored_signal_fits_the_place() {
    let remedy = |fate, place| {
        let mut evidence = ignoring(fate, Some(Awaited::ByManager));
        evidence.ignored.as_mut().expect("it is there").place = place;
        judge(&evidence).expect("a verdict").remedy
    };
    let name = || "web".to_owned();
    let docker = |place| remedy(Fate::AsInit, place).contains("docker run --init");
    let pod = Place::Pod {
        name: name(),
        shares_pid_namespace: false,
    };
    assert!(docker(Place::Container { name: name() }));
    assert!(!docker(pod.clone()) && !docker(Place::Host));
    assert!(remedy(Fate::AsInit, pod).contains("ENTRYPOINT"));
    assert!(remedy(Fate::ByChoice, Place::Unit { name: name() }).contains("KillSignal="));
    assert!(!remedy(Fate::ByChoice, Place::Host).contains("KillSignal="));
}

#[test]
fn a_pending_signal_is_not_reported_as_ignored() {
    let judged = |fate| {
        let evidence = ignoring(fate, Some(Awaited::BySender));
        assert_judged(&evidence, "term_ignored", Certain)
    };
    for (fate, part) in [
        (Fate::Blocked, "unblock SIGTERM"),
        (Fate::Stopped, "kill -CONT 100"),
        (Fate::Traced, "detach"),
    ] {
        let verdict = judged(fate);
        assert_names(&verdict.remedy, &[part, "kill -9 100"]);
        assert!(!verdict.summary.contains("ignore"), "{}", verdict.summary);
    }
}

#[test]
fn a_namespace_is_mentioned_only_if_there_is_one() {
    let mut evidence = ignoring(Fate::ByChoice, Some(Awaited::BySender));
    let remedy = |evidence: &Stuck| judge(evidence).expect("a verdict").remedy;
    assert!(!remedy(&evidence).contains("namespace"));
    evidence.ignored.as_mut().expect("it is there").in_namespace = true;
    assert!(remedy(&evidence).contains("outside its PID namespace"));
}
