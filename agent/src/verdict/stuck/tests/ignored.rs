//! Who ignores the signal that should end it.

use super::super::testing::*;
use super::super::*;
use crate::evidence::Place;
use crate::evidence::stuck::ignored::Awaited;
use Confidence::{Certain, Likely};

#[test]
fn who_ignores_a_signal_while_somebody_waits_is_told_so() {
    for by_choice in [false, true] {
        let evidence = ignoring(by_choice, Some(Awaited::BySender));
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
        assert_eq!(verdict.summary.contains("SIG_IGN"), by_choice);
        assert_judged(
            &ignoring(by_choice, Some(Awaited::Again)),
            "term_ignored",
            Likely,
        );
        assert_eq!(judge(&ignoring(by_choice, None)), None);
    }
}

#[test]
fn what_to_do_about_an_ignored_signal_fits_the_place() {
    let remedy = |by_choice, place| {
        let mut evidence = ignoring(by_choice, Some(Awaited::ByManager));
        evidence.ignored.as_mut().expect("it is there").place = place;
        judge(&evidence).expect("a verdict").remedy
    };
    let name = || "web".to_owned();
    let docker = |place| remedy(false, place).contains("docker run --init");
    let pod = Place::Pod {
        name: name(),
        shares_pid_namespace: false,
    };
    assert!(docker(Place::Container { name: name() }));
    assert!(!docker(pod.clone()) && !docker(Place::Host));
    assert!(remedy(false, pod).contains("ENTRYPOINT"));
    assert!(remedy(true, Place::Unit { name: name() }).contains("KillSignal="));
    assert!(!remedy(true, Place::Host).contains("KillSignal="));
}
