//! Each verdict from evidence as it was seen, and its look-alikes.

use super::testing::{SECOND, assert_sound};
use super::*;
use crate::events::Asked;
use crate::evidence::{
    Awaited, Cpu, Facts, Freezer, Habits, Place, Program, Quota, Role, Sigchld, Since, Thread,
    Zombies,
};

fn thread(tid: u32, state: char, wchan: &str) -> Thread {
    Thread {
        tid,
        state,
        wchan: (!wchan.is_empty()).then(|| wchan.to_owned()),
        awaits: None,
        stack: Vec::new(),
        comm: "app".to_owned(),
        block: None,
    }
}

/// A sleeping parent of three zombies that never waited.
pub(super) fn leak() -> Evidence {
    Evidence {
        pid: 100,
        comm: "app".to_owned(),
        role: Role::Parent,
        watched_ns: 240 * SECOND,
        program: Program::default(),
        place: Place::default(),
        zombies: Zombies {
            count: 3,
            old: 3,
            oldest_age_ns: 90 * SECOND,
            ..Zombies::default()
        },
        habits: Habits {
            waits: Some(0),
            ..Habits::default()
        },
        facts: Some(Facts {
            threads: 1,
            looked_at: vec![thread(100, 'S', "hrtimer_nanosleep")],
            sigchld: Some(Sigchld::default()),
            own_number: Some((100, 0)),
            ..Facts::default()
        }),
        since: None,
    }
}

fn facts(evidence: &mut Evidence) -> &mut Facts {
    evidence.facts.as_mut().expect("there are facts")
}

/// Waited so many times, the last time so many seconds ago.
fn waited(mut evidence: Evidence, times: u64, ago: u64) -> Evidence {
    evidence.habits.waits = Some(times);
    evidence.habits.last_wait_age_ns = Some(ago * SECOND);
    evidence
}

/// Reaped so many, the last one so many seconds ago.
fn reaped(mut evidence: Evidence, children: u64, ago: u64) -> Evidence {
    evidence.habits.reaped = children;
    evidence.habits.last_reap_age_ns = Some(ago * SECOND);
    evidence
}

fn since(waits: u64, reaped: u64) -> Since {
    Since {
        span_ns: 10 * SECOND,
        waits: Some(waits),
        reaped,
        held_throughout: true,
        cpu: None,
        was_uninterruptible: false,
        was_runnable: false,
    }
}

#[track_caller]
fn assert_judged(evidence: &Evidence, id: &str, confidence: Confidence) -> Verdict {
    assert_sound(judge(evidence), id, confidence)
}

use Confidence::{Certain, Guess, Likely};

#[test]
fn who_never_waits_is_told_with_numbers() {
    let verdict = assert_judged(&leak(), "never_waits", Certain);
    assert_eq!(
        verdict.evidence,
        [
            "watched for 4m: no wait call, no child reaped",
            "holds 3 zombies, the oldest dead for 90s",
            "its only thread sleeps in hrtimer_nanosleep",
            "no thread of it is inside a wait, and no handler for SIGCHLD would call one",
        ]
    );
}

#[test]
fn missing_evidence_makes_less_sure() {
    let mut evidence = leak();
    evidence.zombies.age_is_lower_bound = true;
    assert_judged(&evidence, "never_waits", Likely);
    evidence.watched_ns = SECOND;
    evidence.zombies.oldest_age_ns = 30 * SECOND;
    assert_judged(&evidence, "never_waits", Guess);
    evidence.watched_ns = 20 * SECOND;
    evidence.facts = None;
    let verdict = assert_judged(&evidence, "never_waits", Likely);
    assert!(
        verdict
            .evidence
            .iter()
            .any(|line| line.contains("could not be read"))
    );
    evidence.habits.waits = None;
    assert_judged(&evidence, "never_waits", Guess);
    evidence.habits.reaped = 3;
    assert_eq!(judge(&evidence), None, "nothing is known of its waits");
}

#[test]
fn the_first_look_is_as_sure_as_what_it_sees() {
    // An hour of zombies that nobody took, and nothing that would make it take them.
    let mut evidence = leak();
    evidence.watched_ns = SECOND;
    evidence.zombies.age_is_lower_bound = true;
    evidence.zombies.oldest_age_ns = 3600 * SECOND;
    let verdict = assert_judged(&evidence, "never_waits", Likely);
    assert_eq!(
        verdict.evidence[0],
        "watched for 1s: no wait call, no child reaped"
    );
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "init_without_reaping", Likely);
    facts(&mut evidence).own_number = Some((100, 0));
    // A handler may call wait at any moment, and so may a blocked signal's reader.
    for sigchld in [
        Sigchld {
            caught: true,
            ..Sigchld::default()
        },
        Sigchld {
            blocked_in: 1,
            ..Sigchld::default()
        },
    ] {
        facts(&mut evidence).sigchld = Some(sigchld);
        assert_judged(&evidence, "never_waits", Guess);
    }
    facts(&mut evidence).sigchld = Some(Sigchld::default());
    // A thread that was not looked at, or whose sleep has no name, may be inside a wait.
    facts(&mut evidence).threads = 2;
    assert_judged(&evidence, "never_waits", Guess);
    facts(&mut evidence).threads = 1;
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "")];
    assert_judged(&evidence, "never_waits", Guess);
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Any);
    assert_eq!(judge(&evidence), None, "it waits");
    // What holds it needs no watching.
    facts(&mut evidence).looked_at = vec![thread(100, 'T', "")];
    assert_judged(&evidence, "parent_stopped", Certain);
    facts(&mut evidence).looked_at[0].state = 'D';
    assert_judged(&evidence, "parent_uninterruptible", Likely);
}

#[test]
fn a_peek_is_no_reap() {
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
    assert!(verdict.evidence[0].starts_with("9 wait calls of it had WNOWAIT"));
    // It took children once, before these died.
    evidence.habits.asked = asked(9, 4);
    evidence.habits.last_take_age_ns = Some(200 * SECOND);
    assert_judged(&evidence, "peeked_not_reaped", Likely);
    // Who looks first and then takes by number leaves only those that it did not see.
    evidence.habits.last_take_age_ns = Some(SECOND);
    assert_judged(&evidence, "waits_for_others", Certain);
    // Its last look was before they died, or was not seen at all.
    evidence.habits.last_peek_age_ns = Some(200 * SECOND);
    assert_judged(&evidence, "waits_for_others", Certain);
    evidence.habits.asked = None;
    assert_judged(&evidence, "waits_for_others", Likely);
}

#[test]
fn for_whom_it_waits_tells_others_from_any() {
    let mut evidence = reaped(waited(leak(), 9, 1), 4, 1);
    evidence.habits.asked = Some(Asked {
        process: 8,
        clones: 1,
        ..Asked::default()
    });
    evidence.habits.last_take_age_ns = Some(SECOND);
    let verdict = assert_judged(&evidence, "waits_for_others", Certain);
    assert_eq!(
        verdict.evidence[0],
        "of its wait calls, 8 for one process by its PID, 1 for children that send no SIGCHLD \
         (__WCLONE) only, and none for any child"
    );
    evidence.habits.asked = Some(Asked {
        process: 8,
        any: 1,
        ..Asked::default()
    });
    evidence.habits.last_any_age_ns = Some(200 * SECOND);
    let verdict = assert_judged(&evidence, "waits_for_others", Certain);
    assert!(verdict.evidence[0].ends_with("none for any child since these died"));
    // It did ask for any of them, so it only asks too seldom.
    evidence.habits.last_any_age_ns = Some(SECOND);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
}

#[test]
fn contradictory_evidence_is_said_and_never_certain() {
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
fn the_young_accuse_nobody() {
    let mut evidence = leak();
    evidence.zombies.old = 0;
    evidence.zombies.oldest_age_ns = SECOND;
    assert_judged(&evidence, "just_died", Certain);
}

#[test]
fn a_tracer_is_blamed_before_anything_else() {
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
fn stopped_frozen_stuck_and_starved_differ() {
    let mut stopped = leak();
    facts(&mut stopped).looked_at = vec![thread(100, 'T', ""), thread(101, 'T', "")];
    let verdict = assert_judged(&stopped, "parent_stopped", Certain);
    assert_eq!(verdict.remedy, "kill -CONT 100");

    let mut traced = leak();
    facts(&mut traced).looked_at = vec![thread(100, 't', "")];
    facts(&mut traced).tracer = Some((9, Some("gdb".to_owned())));
    let verdict = assert_judged(&traced, "parent_stopped", Certain);
    assert!(verdict.remedy.contains("gdb (PID 9)"), "{}", verdict.remedy);

    // A v1 freezer shows its processes as uninterruptible.
    let mut frozen = leak();
    facts(&mut frozen).looked_at = vec![thread(100, 'D', "__refrigerator")];
    facts(&mut frozen).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/pod".to_owned(),
        thaw: "echo 0 > /sys/fs/cgroup/pod/cgroup.freeze".to_owned(),
    });
    let verdict = assert_judged(&frozen, "parent_frozen", Certain);
    assert!(
        verdict
            .remedy
            .ends_with("echo 0 > /sys/fs/cgroup/pod/cgroup.freeze")
    );

    let mut stuck = leak();
    facts(&mut stuck).looked_at = vec![thread(100, 'D', "rpc_wait_bit_killable")];
    assert_judged(&stuck, "parent_uninterruptible", Likely);
    stuck.since = Some(Since {
        was_uninterruptible: true,
        ..since(0, 0)
    });
    assert_judged(&stuck, "parent_uninterruptible", Certain);

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
    assert_judged(&starved, "parent_starved", Likely);
    starved.since = Some(cpu(10_000_000, 0, 9 * SECOND));
    assert_judged(&starved, "parent_starved", Certain);
    starved.since = Some(cpu(8 * SECOND, SECOND, 0));
    assert_judged(&starved, "never_waits", Certain);
}

/// The kernel books the time that it stood only when it runs again.
#[test]
fn one_that_never_ran_is_starved_though_no_time_is_booked() {
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
    // It may have slept all the time and have woken just now.
    stood.since = Some(never_ran(9, false));
    assert_judged(&stood, "never_waits", Certain);
}

#[test]
fn one_thread_that_can_run_is_enough_to_reap() {
    for state in ['T', 'D'] {
        let mut evidence = leak();
        facts(&mut evidence).threads = 2;
        facts(&mut evidence).looked_at = vec![thread(100, state, ""), thread(101, 'S', "")];
        assert_judged(&evidence, "never_waits", Certain);
    }
}

#[test]
fn children_that_a_plain_wait_does_not_see() {
    let mut evidence = waited(leak(), 300, 0);
    evidence.zombies.without_sigchld = 3;
    assert_judged(&evidence, "needs_wclone", Certain);
    evidence.zombies.without_sigchld = 2;
    assert_judged(&evidence, "needs_wclone", Likely);
    evidence.zombies.without_sigchld = 1;
    assert_judged(&evidence, "waits_for_others", Likely);
}

#[test]
fn blocked_is_not_taken_by_other_means() {
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

    // Nobody wanted it: it blocks it, and would not wait anyhow.
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: false,
        ..blocked
    });
    assert_judged(&evidence, "never_waits", Certain);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "do_sigtimedwait")];
    assert_judged(&evidence, "sigchld_blocked", Guess);
    // Somebody took it, by a signalfd or sigwait.
    facts(&mut evidence).sigchld = Some(Sigchld {
        pending: false,
        ..blocked
    });
    assert_judged(&evidence, "never_waits", Certain);
    // Another thread would get it.
    facts(&mut evidence).looked_at.push(thread(101, 'S', ""));
    facts(&mut evidence).sigchld = Some(blocked);
    assert_judged(&evidence, "never_waits", Certain);
}

#[test]
fn inits_subreapers_and_ordinary_parents_differ() {
    let mut evidence = leak();
    evidence.zombies.adopted = 3;
    evidence.zombies.forker = Some("sh".to_owned());
    let verdict = assert_judged(&evidence, "subreaper_without_reaping", Likely);
    assert!(verdict.evidence[0].ends_with("such as sh"), "{verdict:#?}");

    facts(&mut evidence).own_number = Some((1, 1));
    let verdict = assert_judged(&evidence, "init_without_reaping", Certain);
    assert!(verdict.remedy.contains("tini"), "{}", verdict.remedy);
    evidence.comm = "tini".to_owned();
    let verdict = assert_judged(&evidence, "init_without_reaping", Certain);
    assert!(!verdict.remedy.contains("--init"), "{}", verdict.remedy);

    // The first process of a pod has no program to add an init before.
    evidence.comm = "pause".to_owned();
    let verdict = assert_judged(&evidence, "init_without_reaping", Certain);
    assert!(verdict.remedy.contains("pause image that reaps"));

    // It reaps them, only not all at once.
    let slow = reaped(waited(evidence.clone(), 9, 1), 9, 1);
    assert_judged(&slow, "sigchld_coalesced", Guess);
    // It waits for its own child, and not for the orphans.
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Process(2));
    assert_judged(
        &waited(evidence.clone(), 1, 100),
        "init_without_reaping",
        Likely,
    );
    // At the first look, before anybody could know who left them.
    let mut first = evidence.clone();
    (first.watched_ns, first.zombies.adopted) = (SECOND, 0);
    let verdict = assert_judged(&first, "init_without_reaping", Likely);
    assert!(
        verdict
            .evidence
            .contains(&"its thread 100 is inside a wait for process 2 only".to_owned())
    );
    // Nobody knows whether it is an init.
    facts(&mut evidence).own_number = None;
    assert_judged(&waited(evidence, 1, 100), "waits_for_others", Certain);
}

#[test]
fn a_wait_for_others_is_none_that_took_the_oldest() {
    let mut inside = waited(leak(), 1, 200);
    facts(&mut inside).looked_at[0].awaits = Some(Awaited::Process(55));
    let verdict = assert_judged(&inside, "waits_for_others", Certain);
    assert_eq!(
        verdict.evidence[0],
        "its thread 100 is inside a wait for process 55 only"
    );
    // A wait for any child would have ended: the look came in between.
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

    let mut polls = reaped(waited(leak(), 50, 1), 5, 1);
    polls.since = Some(since(25, 2));
    assert_judged(&polls, "waits_for_others", Likely);
}

#[test]
fn one_wait_for_several_deaths_takes_the_oldest_and_leaves_some() {
    let mut evidence = reaped(waited(leak(), 5, 1), 5, 1);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    assert_judged(&evidence, "sigchld_coalesced", Likely);
    evidence.since = Some(since(4, 4));
    assert_judged(&evidence, "sigchld_coalesced", Certain);
}

#[test]
fn who_waited_before_they_died_waits_for_something_else_now() {
    let mut evidence = reaped(waited(leak(), 1, 200), 1, 200);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "anon_pipe_read")];
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(
        verdict.summary.ends_with("in anon_pipe_read"),
        "{}",
        verdict.summary
    );
    facts(&mut evidence).threads = 2;
    assert_judged(&evidence, "wait_blocked_on_event", Guess);
}

/// A wait that was under way when these died took the one that it was for.
#[test]
fn the_last_wait_may_end_beside_the_dead() {
    let mut evidence = reaped(waited(leak(), 1, 91), 1, 89);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    evidence.since = Some(since(0, 1));
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    evidence.since = Some(since(0, 0));
    assert_judged(&evidence, "wait_blocked_on_event", Likely);
    evidence.zombies.adopted = 3;
    assert_judged(&evidence, "subreaper_without_reaping", Likely);
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "init_without_reaping", Likely);
}

#[test]
fn each_rule_gives_the_verdict_it_is_listed_for() {
    let mut listed: Vec<_> = ids().collect();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed.len(), RULES.len());
}
