//! What wait calls and their absence show.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::block::On;
use crate::culprit::evidence::{Awaited, Sigchld};
use crate::events::Asked;
use Confidence::{Certain, Guess, Likely};

#[test]
fn never_waits_is_a_guess_unless_the_process_ran() {
    // It slept between two looks, or was looked at only once.
    assert_judged(&leak(), "never_waits", Guess);
    assert_judged(&slept(leak()), "never_waits", Guess);
    let verdict = assert_judged(&ran(leak()), "never_waits", Likely);
    let text = verdict.evidence.join("\n");
    for fact in ["4m", "3 zombies", "1m30s", "hrtimer_nanosleep"] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
}

/// It waits for signals and gets none when a child dies.
#[test]
fn never_waits_is_likely_if_no_signal_of_a_death_can_arrive() {
    let mut evidence = slept(leak());
    facts(&mut evidence).looked_at[0].block = Some(blocked(On::Signal));
    assert_judged(&evidence, "never_waits", Likely);
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    assert_judged(&evidence, "never_waits", Guess);
}

/// Those that died before stay, and more of the same does not help.
#[test]
fn a_parent_that_ignores_sigchld_too_late_is_not_told_to_ignore_it() {
    let mut evidence = ran(leak());
    let remedy = |evidence: &Evidence| assert_judged(evidence, "never_waits", Likely).remedy;
    assert!(remedy(&evidence).contains("to SIG_IGN"));
    facts(&mut evidence).sigchld = Some(Sigchld {
        ignored: true,
        ..Sigchld::default()
    });
    assert!(!remedy(&evidence).contains("to SIG_IGN"));
}

#[test]
fn a_wait_for_children_of_the_thread_cannot_reap_those_of_others() {
    let mut evidence = waited(leak(), 1, 100);
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::OfThread);
    let verdict = assert_judged(&evidence, "waits_for_others", Likely);
    assert!(verdict.remedy.contains("__WNOTHREAD"), "{verdict:#?}");
}

/// Without a signal, it is not the signals that coalesce.
#[test]
fn a_parent_that_polls_takes_one_child_at_a_time() {
    let mut evidence = reaped(waited(leak(), 9, 1), 9, 1);
    evidence.habits.asked = Some(Asked {
        any: 9,
        ..Asked::default()
    });
    evidence.habits.last_any_age_ns = Some(SECOND);
    evidence.since = Some(since(4, 4));
    let verdict = assert_judged(&evidence, "sigchld_coalesced", Likely);
    assert!(!verdict.remedy.contains("SIGCHLD"), "{verdict:#?}");
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    let verdict = assert_judged(&evidence, "sigchld_coalesced", Certain);
    assert!(verdict.remedy.contains("SIGCHLD"), "{verdict:#?}");
}

#[test]
fn missing_evidence_lowers_the_confidence() {
    let mut evidence = ran(leak());
    evidence.watched_ns = SECOND;
    assert_judged(&evidence, "never_waits", Guess);
    evidence.watched_ns = 20 * SECOND;
    evidence.facts = None;
    let verdict = assert_judged(&evidence, "never_waits", Likely);
    assert!(verdict.evidence.iter().any(|line| line.contains("/proc")));
    evidence.habits.waits = None;
    assert_judged(&evidence, "never_waits", Guess);
    evidence.habits.reaped = 3;
    assert_eq!(judge(&evidence), None, "nothing is known of its waits");
}

#[test]
fn unreadable_files_are_named() {
    let mut evidence = leak();
    facts(&mut evidence).unreadable = vec!["/proc/100/fd: CAP_SYS_PTRACE".to_owned()];
    let verdict = judge(&evidence).expect("there is a verdict");
    let named = |line: &String| line.contains("CAP_SYS_PTRACE");
    assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
}

#[test]
fn a_peek_does_not_reap() {
    let asked = |peeks, process| {
        Some(Asked {
            process,
            peeks,
            ..Asked::default()
        })
    };
    let mut evidence = waited(leak(), 9, 1);
    evidence.habits.asked = asked(9, 0);
    evidence.habits.last_peek_age_ns = Some(SECOND);
    let verdict = assert_judged(&evidence, "peeked_not_reaped", Certain);
    assert!(verdict.evidence[0].contains("9 wait calls"), "{verdict:#?}");
    // One peek may be followed by a wait call.
    evidence.habits.asked = asked(1, 0);
    assert_judged(&evidence, "peeked_not_reaped", Guess);
    // It reaped children before these died.
    evidence.habits.asked = asked(9, 4);
    evidence.habits.last_take_age_ns = Some(200 * SECOND);
    assert_judged(&evidence, "peeked_not_reaped", Likely);
    // A parent that peeks and then reaps by PID leaves only children that it did not see.
    evidence.habits.last_take_age_ns = Some(SECOND);
    assert_judged(&evidence, "waits_for_others", Likely);
    evidence.since = Some(since(3, 0));
    assert_judged(&evidence, "waits_for_others", Certain);
    // Its last peek was before they died, or was not seen at all.
    evidence.habits.last_peek_age_ns = Some(200 * SECOND);
    assert_judged(&evidence, "waits_for_others", Certain);
    evidence.habits.asked = None;
    assert_judged(&evidence, "waits_for_others", Likely);
}

#[test]
fn wait_arguments_decide_between_others_and_any_child() {
    let mut evidence = reaped(waited(leak(), 9, 1), 4, 1);
    evidence.habits.asked = Some(Asked {
        process: 8,
        clones: 1,
        ..Asked::default()
    });
    evidence.habits.last_take_age_ns = Some(SECOND);
    let verdict = assert_judged(&evidence, "waits_for_others", Likely);
    for text in [
        "8 for one process by its PID",
        "__WCLONE",
        "none for any child",
    ] {
        assert!(verdict.evidence[0].contains(text), "{verdict:#?}");
    }
    assert!(
        !verdict.remedy.contains("call waitpid(-1"),
        "{}",
        verdict.remedy
    );
    evidence.habits.asked = Some(Asked {
        process: 8,
        any: 1,
        ..Asked::default()
    });
    evidence.habits.last_any_age_ns = Some(200 * SECOND);
    evidence.since = Some(since(2, 2));
    assert_judged(&evidence, "waits_for_others", Certain);
    evidence.since = None;
    // It does wait for any child, only too seldom.
    evidence.habits.last_any_age_ns = Some(SECOND);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
}

#[test]
fn contradictory_evidence_is_reported_and_never_certain() {
    let evidence = reaped(leak(), 4, 200);
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(
        verdict
            .evidence
            .iter()
            .any(|line| line.starts_with("but it reaped"))
    );
    let mut evidence = waited(leak(), 9, 1);
    facts(&mut evidence).looked_at = vec![thread(100, 'T', "")];
    evidence.since = Some(since(2, 2));
    let verdict = assert_judged(&evidence, "parent_stopped", Likely);
    assert!(
        verdict
            .evidence
            .iter()
            .any(|line| line.starts_with("but it waited"))
    );
}

#[test]
fn children_without_sigchld_need_wclone() {
    let mut evidence = waited(leak(), 300, 0);
    evidence.zombies.without_sigchld = 3;
    assert_judged(&evidence, "needs_wclone", Certain);
    evidence.zombies.without_sigchld = 2;
    assert_judged(&evidence, "needs_wclone", Likely);
    evidence.zombies.without_sigchld = 1;
    assert_judged(&evidence, "waits_for_others", Likely);
}

#[test]
fn waits_for_others_needs_a_call_that_left_the_zombies() {
    let mut inside = waited(leak(), 1, 200);
    facts(&mut inside).looked_at[0].awaits = Some(Awaited::Process(55));
    let verdict = assert_judged(&inside, "waits_for_others", Likely);
    assert!(verdict.evidence[0].contains("55"), "{verdict:#?}");
    // A wait for any child would have returned; it was read in between.
    facts(&mut inside).looked_at[0].awaits = Some(Awaited::Any);
    assert_judged(&inside, "wait_blocked_on_event", Likely);

    let took_none = waited(leak(), 5, 1);
    assert_judged(&took_none, "waits_for_others", Likely);
    assert_judged(&waited(leak(), 1, 1), "waits_for_others", Guess);

    let mut passed = reaped(waited(leak(), 5, 1), 5, 1);
    passed.zombies.passed_over = 3;
    assert_judged(&passed, "waits_for_others", Certain);
    facts(&mut passed).threads = 2;
    assert_judged(&passed, "waits_for_others", Likely);
    passed.habits.reaped = 1;
    facts(&mut passed).threads = 1;
    assert_judged(&passed, "waits_for_others", Likely);

    let mut polls = reaped(waited(leak(), 50, 1), 5, 1);
    polls.since = Some(since(25, 2));
    assert_judged(&polls, "waits_for_others", Likely);
}

/// Its call with WNOWAIT was for a living child, as in Go's `os/exec`.
#[test]
fn a_peek_at_another_child_does_not_count() {
    let mut evidence = waited(leak(), 1, 30);
    evidence.habits.asked = Some(Asked {
        peeks: 1,
        ..Asked::default()
    });
    evidence.habits.peeks_elsewhere = 1;
    let verdict = assert_judged(&evidence, "waits_for_others", Likely);
    assert!(
        !verdict.remedy.contains("call waitpid(-1"),
        "{}",
        verdict.remedy
    );
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Process(55));
    assert_judged(&evidence, "waits_for_others", Likely);
}

#[test]
fn one_wait_call_reaps_the_oldest_of_several_zombies() {
    let mut evidence = reaped(waited(leak(), 5, 1), 5, 1);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    assert_judged(&evidence, "sigchld_coalesced", Likely);
    evidence.since = Some(since(4, 4));
    assert_judged(&evidence, "sigchld_coalesced", Certain);
    evidence.since = Some(since(1, 1));
    assert_judged(&evidence, "sigchld_coalesced", Likely);
    // Its wait arguments are not known (a 32-bit program), and it has no SIGCHLD handler.
    facts(&mut evidence).sigchld = Some(Sigchld::default());
    evidence.since = Some(since(4, 4));
    let verdict = assert_judged(&evidence, "sigchld_coalesced", Guess);
    assert!(!verdict.remedy.contains("waitpid(-1"), "{verdict:#?}");
}

/// It takes the PID from the signal, and one signal can stand for several deaths.
#[test]
fn a_parent_that_takes_pids_from_siginfo_is_advised_to_wait_for_every_child() {
    let mut evidence = reaped(waited(leak(), 5, 1), 5, 1);
    evidence.zombies.passed_over = 2;
    evidence.habits.asked = Some(Asked {
        process: 5,
        ..Asked::default()
    });
    let verdict = judge(&evidence).expect("there is a verdict");
    assert_eq!(verdict.id, "waits_for_others", "nothing tells it of deaths");
    for sigchld in [
        Sigchld {
            blocked_in: 1,
            ..Sigchld::default()
        },
        Sigchld {
            caught: true,
            ..Sigchld::default()
        },
    ] {
        facts(&mut evidence).sigchld = Some(sigchld);
        let verdict = assert_judged(&evidence, "sigchld_coalesced", Guess);
        assert!(!verdict.remedy.contains("waitpid(-1"), "{verdict:#?}");
    }
    facts(&mut evidence).looked_at[0].block = Some(blocked(On::Signal));
    assert_judged(&evidence, "sigchld_coalesced", Likely);
    // It makes more wait calls than it reaps children: it has its own list of PIDs.
    evidence.habits.waits = Some(7);
    let verdict = judge(&evidence).expect("there is a verdict");
    assert_eq!(verdict.id, "waits_for_others");
    assert!(verdict.remedy.contains("si_pid"), "{verdict:#?}");
}

#[test]
fn an_answer_shows_one_count_of_zombies() {
    let evidence = ran(leak());
    let then = answer(&evidence).expect("there is a verdict");
    let mut now = then.clone();
    recount(&mut now, 17, 95 * SECOND, false);
    assert!(
        !now.new_facts().any(|fact| fact.contains("17 zombies")),
        "{now:#?}"
    );
    let now = now.evidence;
    let text = now.join("\n");
    assert!(
        text.contains("17 zombies") && text.contains("1m35s"),
        "{text}"
    );
    assert!(!text.contains("holds 3 zombies"), "{text}");
    assert_eq!(now.len(), then.evidence.len());
}
