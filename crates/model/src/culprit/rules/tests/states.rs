//! Parents that cannot run, or are not notified.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::block::On;
use crate::culprit::evidence::{Awaited, Cpu, Freezer, Frozen, Quota, Role, Sigchld, Since};
use Confidence::{Certain, Guess, Likely};

#[test]
fn a_stopped_parent_is_judged_at_once() {
    let mut evidence = leak();
    evidence.watched_ns = SECOND;
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Any);
    assert_eq!(judge(&evidence), None, "it waits");
    facts(&mut evidence).looked_at = vec![thread(100, 'T', "")];
    assert_judged(&evidence, "parent_stopped", Certain);
    facts(&mut evidence).looked_at[0].state = 'D';
    assert_judged(&evidence, "parent_uninterruptible", Likely);
}

#[test]
fn young_zombies_are_ignored() {
    let mut evidence = leak();
    evidence.zombies.old = 0;
    evidence.zombies.oldest_age_ns = SECOND;
    assert_judged(&evidence, "just_died", Certain);
}

#[test]
fn a_tracer_comes_before_other_causes() {
    let mut evidence = leak();
    evidence.role = Role::Tracer;
    evidence.zombies.real_parent = Some((7, "make".to_owned()));
    facts(&mut evidence).looked_at = vec![thread(100, 'T', "")];
    let verdict = assert_judged(&evidence, "held_by_tracer", Certain);
    assert!(
        verdict
            .evidence
            .iter()
            .any(|line| line.contains("make (PID 7)"))
    );
}

#[test]
fn a_tracer_gets_a_signal_that_it_does_not_ignore() {
    let mut evidence = leak();
    evidence.role = Role::Tracer;
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "")];
    for (signal, command) in [
        (2, "kill -INT 100"),
        (15, "kill -TERM 100"),
        (9, "kill -9 100"),
    ] {
        facts(&mut evidence).ended_by = Some(signal);
        let verdict = assert_judged(&evidence, "held_by_tracer", Certain);
        let commands: Vec<_> = verdict.remedy.match_indices("kill -").collect();
        assert!(
            commands.len() == 1 && verdict.remedy.contains(command),
            "{}",
            verdict.remedy
        );
    }
}

#[test]
fn a_stopped_parent_is_resumed_by_whoever_stopped_it() {
    let mut stopped = leak();
    facts(&mut stopped).looked_at = vec![thread(100, 'T', ""), thread(101, 'T', "")];
    let verdict = assert_judged(&stopped, "parent_stopped", Certain);
    assert!(verdict.remedy.ends_with("kill -CONT 100"));
    // A background job that reads its terminal is stopped again at once.
    facts(&mut stopped).stop_signal = Some(21);
    let verdict = assert_judged(&stopped, "parent_stopped", Certain);
    assert!(verdict.remedy.contains("fg"), "{}", verdict.remedy);

    let mut traced = leak();
    facts(&mut traced).looked_at = vec![thread(100, 't', "")];
    facts(&mut traced).tracer = Some((9, Some("gdb".to_owned())));
    let verdict = assert_judged(&traced, "parent_stopped", Certain);
    assert!(verdict.remedy.contains("gdb (PID 9)"), "{}", verdict.remedy);
}

#[test]
fn frozen_and_stuck_differ() {
    // A v1 freezer shows its processes as uninterruptible.
    let mut frozen = leak();
    facts(&mut frozen).looked_at = vec![thread(100, 'D', "__refrigerator")];
    facts(&mut frozen).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/pod".into(),
        thaw: "echo 0 > /sys/fs/cgroup/pod/cgroup.freeze".to_owned(),
    });
    let verdict = assert_judged(&frozen, "parent_frozen", Certain);
    assert!(
        verdict
            .remedy
            .ends_with("echo 0 > /sys/fs/cgroup/pod/cgroup.freeze")
    );
    facts(&mut frozen).frozen_with_it = Some(Frozen {
        others: 5,
        is_lower_bound: false,
        some: vec![(7, "nginx".to_owned())],
    });
    let verdict = assert_judged(&frozen, "parent_frozen", Certain);
    for named in ["5 other processes", "nginx (PID 7)"] {
        assert!(verdict.remedy.contains(named), "{}", verdict.remedy);
    }

    let mut stuck = leak();
    facts(&mut stuck).looked_at = vec![thread(100, 'D', "rpc_wait_bit_killable")];
    assert_judged(&stuck, "parent_uninterruptible", Likely);
    stuck.since = Some(Since {
        was_uninterruptible: true,
        ..since(0, 0)
    });
    assert_judged(&stuck, "parent_uninterruptible", Certain);
}

#[test]
fn a_starved_parent_has_its_verdict() {
    let mut starved = leak();
    facts(&mut starved).looked_at = vec![thread(100, 'R', "")];
    let cpu = |ran_ns, queued_ns, throttled_ns| Since {
        cpu: Some(Cpu {
            ran_ns,
            queued_ns,
            quota: Some(Quota {
                throttled_ns,
                throttled_periods: 0,
            }),
        }),
        ..since(0, 0)
    };
    assert_judged(&starved, "never_waits", Guess);
    starved.since = Some(cpu(10_000_000, 9 * SECOND, 0));
    for (nice, own) in [(None, false), (Some(0), false), (Some(5), true)] {
        facts(&mut starved).nice = nice;
        let verdict = assert_judged(&starved, "parent_starved", Likely);
        assert_eq!(verdict.remedy.contains("-p 100"), own, "{verdict:#?}");
    }
    starved.since = Some(cpu(10_000_000, 0, 9 * SECOND));
    assert_judged(&starved, "parent_starved", Certain);
    starved.since = Some(cpu(3 * SECOND, SECOND, 0));
    assert_judged(&starved, "never_waits", Likely);
}

/// The kernel adds the time that a thread waited for a CPU only when it runs again.
#[test]
fn a_thread_that_never_ran_is_starved_without_accounted_time() {
    let mut stood = leak();
    facts(&mut stood).looked_at = vec![thread(100, 'R', "")];
    let never_ran = |throttled_periods, was_runnable| Since {
        cpu: Some(Cpu {
            quota: Some(Quota {
                throttled_ns: 0,
                throttled_periods,
            }),
            ..Cpu::default()
        }),
        was_runnable,
        ..since(0, 0)
    };
    stood.since = Some(never_ran(0, true));
    assert_judged(&stood, "parent_starved", Likely);
    stood.since = Some(never_ran(9, true));
    assert_judged(&stood, "parent_starved", Certain);
    // It may have been asleep and woken just now.
    stood.since = Some(never_ran(9, false));
    assert_judged(&stood, "never_waits", Guess);
}

#[test]
fn one_thread_that_can_run_is_enough_to_reap() {
    for state in ['T', 'D'] {
        let mut evidence = leak();
        facts(&mut evidence).threads = 2;
        facts(&mut evidence).looked_at = vec![thread(100, state, ""), thread(101, 'S', "")];
        assert_judged(&ran(evidence), "never_waits", Likely);
    }
}

#[test]
fn blocked_sigchld_counts_only_if_it_is_not_taken_otherwise() {
    let mut evidence = leak();
    let blocked = Sigchld {
        blocked_in: 1,
        pending: true,
        caught: true,
        ignored: false,
    };
    facts(&mut evidence).sigchld = Some(blocked);
    let verdict = assert_judged(&evidence, "sigchld_blocked", Certain);
    assert!(
        verdict.evidence[0].contains("its only thread"),
        "{verdict:#?}"
    );

    // It has no handler and waits for no signal, so it did not expect SIGCHLD.
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: false,
        ..blocked
    });
    assert_judged(&evidence, "never_waits", Guess);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "do_sigtimedwait")];
    assert_judged(&evidence, "sigchld_blocked", Guess);
    // A signalfd or sigwait took it.
    facts(&mut evidence).sigchld = Some(Sigchld {
        pending: false,
        ..blocked
    });
    assert_judged(&evidence, "never_waits", Guess);
    // Another thread could receive it.
    facts(&mut evidence).looked_at.push(thread(101, 'S', ""));
    facts(&mut evidence).sigchld = Some(blocked);
    assert_judged(&evidence, "never_waits", Guess);
    // A program with a signalfd blocks it on purpose.
    facts(&mut evidence).looked_at.pop();
    facts(&mut evidence).signalfd = Some(true);
    assert_judged(&evidence, "never_waits", Guess);
}

/// bash blocks SIGCHLD during `read -t`, and reaps after it.
#[test]
fn a_mask_for_one_call_is_a_guess() {
    let mut evidence = slept(leak());
    facts(&mut evidence).sigchld = Some(Sigchld {
        blocked_in: 1,
        pending: true,
        caught: true,
        ignored: false,
    });
    let waits_for = |evidence: &mut Evidence, on: On| {
        facts(evidence).looked_at[0].block = Some(blocked(on));
    };
    waits_for(
        &mut evidence,
        On::Events {
            kinds: vec!["pipe".to_owned()],
            timed: true,
        },
    );
    assert_judged(&evidence, "sigchld_blocked", Guess);
    waits_for(&mut evidence, On::PipeRead);
    assert_judged(&evidence, "wait_blocked_on_event", Likely);
    // It ran with SIGCHLD blocked, or sleeps in a call that does not block it temporarily.
    assert_judged(&ran(evidence.clone()), "sigchld_blocked", Certain);
    waits_for(&mut evidence, On::Timer);
    assert_judged(&evidence, "sigchld_blocked", Certain);
}
