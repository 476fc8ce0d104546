//! Properties of every verdict, for any evidence: it does not contradict its evidence, and its advice
//! is safe.

use proptest::prelude::*;
use proptest::{collection, option};

use super::testing::{SECOND, leak};
use super::*;
use crate::culprit::evidence::{
    Awaited, Block, Cpu, Facts, Habits, Program, Reaped, Role, Sigchld, Since, Thread, Zombies,
    block::{End, Ipc, On, Relation},
};
use crate::events::Asked;

fn on() -> impl Strategy<Value = On> {
    prop::sample::select(vec![
        On::PipeRead,
        On::PipeWrite,
        On::FifoOpen { path: None },
        On::Socket {
            family: "unix".to_owned(),
            peer: None,
            open: false,
        },
        On::Connect {
            family: "tcp".to_owned(),
            address: None,
        },
        On::Ipc {
            what: Ipc::Semaphore { set: None },
            timed: false,
        },
        On::TerminalWrite { path: None },
        On::Master { path: None },
        On::LoneFutex,
        On::PrivateFutex,
        On::FileLock { path: None },
        On::VforkChild,
        On::Fuse,
        On::Events {
            kinds: vec!["pipe".to_owned()],
            timed: true,
        },
        On::Timer,
        On::Signal,
    ])
}

fn block() -> impl Strategy<Value = Block> {
    let relation = prop::sample::select(vec![
        Relation::LeftByDeadChild,
        Relation::Descendant,
        Relation::Itself,
        Relation::Other,
    ]);
    let state = prop::sample::select(vec![None, Some('S'), Some('T'), Some('t'), Some('D')]);
    let end = (relation, state).prop_map(|(relation, state)| End {
        pid: 77,
        comm: "other".to_owned(),
        state,
        relation,
        waits_for: None,
    });
    (on(), collection::vec(end, 0..2)).prop_map(|(on, ends)| Block {
        on,
        ends,
        unknown: None,
    })
}

fn thread(tid: u32) -> impl Strategy<Value = Thread> {
    let awaits = prop::sample::select(vec![
        None,
        Some(Awaited::Any),
        Some(Awaited::Process(5)),
        Some(Awaited::Pidfd),
    ]);
    let state = prop::sample::select(vec!['S', 'R', 'D', 'T', 't', 'I']);
    (state, awaits, option::of(block())).prop_map(move |(state, awaits, block)| {
        let sleeps = matches!(state, 'S' | 'D' | 'I');
        Thread {
            tid,
            state,
            wchan: sleeps.then(|| "do_something".to_owned()),
            awaits: awaits.filter(|_| sleeps),
            stack: Vec::new(),
            comm: "worker".to_owned(),
            block: block.filter(|_| sleeps),
        }
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let threads = prop_oneof![
        thread(100).prop_map(|main| vec![main]),
        (thread(100), thread(101)).prop_map(|(main, other)| vec![main, other]),
    ];
    let sigchld =
        (0_u32..2, any::<bool>(), any::<bool>()).prop_map(|(blocked_in, pending, caught)| {
            Sigchld {
                blocked_in,
                pending,
                caught,
                ignored: false,
            }
        });
    let number = prop::sample::select(vec![
        None,
        Some((1, 0)),
        Some((1, 1)),
        Some((100, 0)),
        Some((9, 1)),
    ]);
    (
        threads,
        option::of(sigchld),
        number,
        option::of(any::<bool>()),
        option::of(any::<bool>()),
    )
        .prop_map(|(looked_at, sigchld, own_number, signalfd, booked)| Facts {
            threads: looked_at.len() as u32,
            looked_at,
            sigchld,
            own_number,
            signalfd,
            has_usage_of_children: booked,
            ..Facts::default()
        })
}

/// As the probes count: each call reaps or looks, and each reap belongs to a call.
fn habits() -> impl Strategy<Value = Habits> {
    let asked = (0_u64..3, 0_u64..3, 0_u64..3, 0_u64..3);
    (
        asked,
        any::<bool>(),
        0_u64..4,
        prop::array::uniform4(1_u64..200),
        any::<bool>(),
    )
        .prop_map(
            |((any, process, pidfd, peeks), known, reaped, ages, elsewhere)| {
                let takes = any + process + pidfd;
                let calls = takes + peeks;
                let reaped = reaped.min(takes);
                let age = |happened: bool, seconds: u64| happened.then_some(seconds * SECOND);
                Habits {
                    waits: known.then_some(calls),
                    last_wait_age_ns: age(known && calls > 0, ages[0]),
                    asked: known.then_some(Asked {
                        any,
                        process,
                        pidfd,
                        peeks,
                        ..Asked::default()
                    }),
                    last_take_age_ns: age(known && takes > 0, ages[0]),
                    last_any_age_ns: age(known && any > 0, ages[1]),
                    last_peek_age_ns: age(known && peeks > 0 && !elsewhere, ages[2]),
                    peeks_elsewhere: if elsewhere { peeks } else { 0 },
                    reaped,
                    last_reap_age_ns: age(reaped > 0, ages[3]),
                    last_reaper_tid: (reaped > 0).then_some(101),
                }
            },
        )
}

fn zombies() -> impl Strategy<Value = Zombies> {
    (0_u64..4, 0_u64..4, 0_u64..4, 2_u64..200, any::<bool>()).prop_map(
        |(adopted, before, over, age, bound)| Zombies {
            count: 3,
            old: 3,
            oldest_age_ns: age * SECOND,
            age_is_lower_bound: bound,
            adopted: adopted.min(3),
            forked_before_exec: before.min(3 - adopted.min(3)),
            passed_over: over.min(3),
            ..Zombies::default()
        },
    )
}

fn since() -> impl Strategy<Value = Since> {
    (0_u64..4, 0_u64..3, any::<bool>(), option::of(0_u64..9)).prop_map(
        |(waits, reaped, held_throughout, ran)| Since {
            span_ns: 10 * SECOND,
            waits: Some(waits),
            reaped: reaped.min(waits),
            held_throughout,
            cpu: ran.map(|ran| Cpu {
                ran_ns: ran * SECOND,
                ..Cpu::default()
            }),
            was_uninterruptible: false,
            was_runnable: false,
        },
    )
}

prop_compose! {
    fn evidence()(
        facts in option::of(facts()),
        habits in habits(),
        zombies in zombies(),
        since in option::of(since()),
        traces in prop::bool::weighted(0.1),
        watched in 1_u64..300,
        former in option::of(1_u64..100),
        execs in option::of(0_u64..4),
    ) -> Evidence {
        Evidence {
            role: if traces { Role::Tracer } else { Role::Parent },
            watched_ns: watched * SECOND,
            program: Program {
                age_ns: former.map(|age| age * SECOND),
                former: former.map(|_| "start.sh".to_owned()),
                execs,
            },
            zombies,
            habits,
            facts,
            since: since.map(|since| Since {
                waits: since.waits.min(habits.waits),
                reaped: since.reaped.min(habits.reaped),
                ..since
            }),
            ..leak()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_verdict_agrees_with_the_facts(evidence in evidence()) {
        let Some(verdict) = judge(&evidence) else {
            return Ok(());
        };
        let (reaped, waits) = (evidence.habits.reaped, evidence.habits.waits);
        let text = format!("{}\n{}", verdict.summary, verdict.evidence.join("\n"));
        let before = evidence.reaped_before();
        let has_reaped = reaped > 0 || before == Some(Reaped::ByThisProgram);
        prop_assert!(!text.contains("has reaped") || has_reaped, "{verdict:#?}");
        prop_assert!(!text.contains("ever reaped in") || before == Some(Reaped::Never));
        prop_assert!(!text.contains("were reaped in") || before == Some(Reaped::Perhaps));
        prop_assert!(!text.contains("used to reap") || reaped > 0, "{verdict:#?}");
        prop_assert!(!text.contains("has called wait") || waits > Some(0), "{verdict:#?}");
        prop_assert!(
            verdict.id != "never_waits" || (!has_reaped && waits.unwrap_or(0) == 0),
            "{verdict:#?}"
        );
        let by_handler = verdict.id == "sigchld_coalesced" && reaped == 0;
        prop_assert!(!by_handler || verdict.confidence == Confidence::Guess, "{verdict:#?}");
        let caught = evidence.facts.as_ref().and_then(|it| it.sigchld).is_some_and(|it| it.caught);
        prop_assert!(!text.contains("a SIGCHLD handler is installed") || caught, "{verdict:#?}");
        prop_assert!(!text.contains("inherited orphan") || evidence.zombies.adopted > 0);
        let mut lines = verdict.evidence.clone();
        lines.sort_unstable();
        lines.dedup();
        prop_assert_eq!(lines.len(), verdict.evidence.len(), "a fact twice: {:#?}", verdict);
    }

    #[test]
    fn the_confidence_is_not_above_what_was_seen(evidence in evidence()) {
        let Some(verdict) = judge(&evidence) else {
            return Ok(());
        };
        let by_habits = !["held_by_tracer", "parent_stopped", "parent_starved", "parent_uninterruptible"]
            .contains(&verdict.id);
        if by_habits && verdict.confidence == Confidence::Certain {
            let by_calls = evidence.habits.waits > Some(1) || evidence.habits.reaped > 1;
            let by_state = ["forked_before_exec", "sigchld_blocked"].contains(&verdict.id);
            prop_assert!(by_calls || by_state, "certain after one call: {verdict:#?}");
        }
        if verdict.id == "never_waits" {
            prop_assert!(verdict.confidence < Confidence::Certain, "{verdict:#?}");
            let waits_for_signals = evidence.cannot_notice_deaths();
            let slept = evidence.ran_since_last_look() != Some(true);
            prop_assert!(
                !slept || waits_for_signals || verdict.confidence == Confidence::Guess,
                "it had no chance to wait: {verdict:#?}"
            );
        }
        if evidence.facts.is_none() || evidence.contradiction().is_some() {
            prop_assert!(verdict.confidence < Confidence::Certain, "{verdict:#?}");
        }
    }

    #[test]
    fn advice_takes_no_exit_status_and_restarts_no_init(evidence in evidence()) {
        let Some(verdict) = judge(&evidence) else {
            return Ok(());
        };
        let remedy = verdict.remedy.replace("not with waitpid(-1)", "");
        prop_assert!(!remedy.is_empty() && !verdict.summary.is_empty());
        prop_assert!(!evidence.waits_by_pid() || !remedy.contains("waitpid(-1"), "{verdict:#?}");
        prop_assert!(!evidence.is_init() || !remedy.contains("restarting app"), "{verdict:#?}");
        prop_assert!(!evidence.handles_sigchld() || !remedy.contains("SIG_IGN"), "{verdict:#?}");
    }
}
