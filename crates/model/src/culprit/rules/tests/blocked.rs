//! Parents that would reap but are blocked.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::block::{Block, End, On, Relation};
use crate::culprit::evidence::{Cpu, Sigchld, Since};
use Confidence::{Guess, Likely};

#[test]
fn a_parent_that_waited_before_they_died_is_blocked_now() {
    let mut evidence = reaped(waited(leak(), 1, 200), 1, 200);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "anon_pipe_read")];
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(
        verdict.summary.contains("anon_pipe_read"),
        "{}",
        verdict.summary
    );
    facts(&mut evidence).threads = 2;
    assert_judged(&evidence, "wait_blocked_on_event", Guess);
}

/// A reaper that is blocked is judged so even if it is a subreaper or PID 1.
#[test]
fn a_blocked_reaper_is_judged_as_blocked_before_anything_else() {
    let mut evidence = reaped(waited(leak(), 9, 200), 9, 200);
    evidence.zombies.adopted = 3;
    evidence.habits.last_reaper_tid = Some(103);
    facts(&mut evidence).threads = 2;
    let mut reaper = thread(103, 'S', "futex_wait");
    reaper.comm = "reaper".to_owned();
    reaper.block = Some(blocked(On::PrivateFutex));
    facts(&mut evidence).looked_at.push(reaper);
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(verdict.evidence[0].contains("103"), "{verdict:#?}");
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "wait_blocked_on_event", Likely);
    // Idle threads sleep like that too, so it counts only for the thread that used to reap.
    evidence.habits.last_reaper_tid = None;
    assert_judged(&evidence, "init_without_reaping", Guess);
}

#[test]
fn reading_a_pipe_that_a_dead_child_left_open_is_blocked() {
    let mut evidence = slept(leak());
    let mut pipe = blocked(On::PipeRead);
    pipe.ends = vec![end(77, "sleep", Relation::LeftByDeadChild)];
    facts(&mut evidence).looked_at[0].block = Some(pipe.clone());
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(verdict.remedy.contains("kill 77"), "{}", verdict.remedy);
    // The last process of a chain can act.
    pipe.ends[0].relation = Relation::Other;
    pipe.ends[0].waits_for = Some(Box::new(Block {
        ends: vec![End {
            state: Some('T'),
            ..end(78, "ssh", Relation::Other)
        }],
        ..blocked(On::PipeRead)
    }));
    facts(&mut evidence).looked_at[0].block = Some(pipe);
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Guess);
    assert!(
        verdict.remedy.contains("kill -CONT 78"),
        "{}",
        verdict.remedy
    );
}

#[test]
fn a_handler_does_not_help_a_blocked_or_busy_thread() {
    let mut evidence = slept(leak());
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    facts(&mut evidence).threads = 2;
    facts(&mut evidence).looked_at[0].block = Some(blocked(On::FifoOpen { path: None }));
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(!verdict.remedy.contains("SIG_IGN"), "{}", verdict.remedy);
    // A busy thread does not reap either.
    facts(&mut evidence).looked_at = vec![thread(100, 'R', "")];
    evidence.since = Some(Since {
        cpu: Some(Cpu {
            ran_ns: 9 * SECOND,
            ..Cpu::default()
        }),
        ..since(0, 0)
    });
    assert_judged(&evidence, "wait_blocked_on_event", Guess);
    // An idle event loop should have reaped.
    evidence = ran(evidence);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "do_epoll_wait")];
    let verdict = assert_judged(&evidence, "never_waits", Likely);
    assert!(!verdict.remedy.contains("SIG_IGN"), "{}", verdict.remedy);
}

/// A wait call that was in progress when these died reaped the child that it was for.
#[test]
fn the_last_wait_may_return_after_they_died() {
    let mut evidence = reaped(waited(leak(), 1, 91), 1, 89);
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    evidence.since = Some(since(0, 1));
    assert_judged(&evidence, "sigchld_coalesced", Guess);
    evidence.since = Some(since(0, 0));
    assert_judged(&evidence, "wait_blocked_on_event", Likely);
    evidence.zombies.adopted = 3;
    assert_judged(&evidence, "subreaper_without_reaping", Guess);
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "init_without_reaping", Guess);
}

/// The reaping thread exited with an exception, and the others continue.
#[test]
fn a_reaping_thread_that_has_exited_is_named() {
    let mut evidence = ran(reaped(waited(leak(), 4, 91), 4, 91));
    evidence.habits.last_reaper_tid = Some(101);
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(verdict.evidence[0].contains("thread 101"), "{verdict:#?}");
    assert!(verdict.remedy.contains("thread 101"), "{verdict:#?}");
    // It may be among those that were not looked at.
    facts(&mut evidence).threads = 2;
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Guess);
    assert!(!verdict.remedy.contains("thread 101"), "{verdict:#?}");
}

/// The agent started after its zombies died, and has seen none of its wait calls.
fn came_later(booked: bool, execs: u64) -> Evidence {
    let mut evidence = slept(leak());
    evidence.zombies.age_is_lower_bound = true;
    evidence.program.execs = Some(execs);
    facts(&mut evidence).has_usage_of_children = Some(booked);
    evidence
}

fn with_thread(mut evidence: Evidence, on: On) -> Evidence {
    let mut other = thread(103, 'S', "do_something");
    other.comm = "reaper".to_owned();
    other.block = Some(blocked(on));
    facts(&mut evidence).threads = 2;
    facts(&mut evidence).looked_at.push(other);
    evidence
}

#[test]
fn a_parent_that_reaped_before_the_agent_started_is_blocked_now() {
    let mut poller = came_later(true, 1);
    facts(&mut poller).looked_at[0].block = Some(blocked(On::Timer));
    let verdict = assert_judged(&poller, "wait_blocked_on_event", Guess);
    assert!(verdict.remedy.contains("timer"), "{}", verdict.remedy);
    // If wait calls are not counted, only the CPU accounting shows that it reaped.
    poller.habits.waits = None;
    assert_judged(&poller, "wait_blocked_on_event", Guess);
    let mut blocked_alone = came_later(true, 1);
    facts(&mut blocked_alone).looked_at[0].block = Some(blocked(On::PipeRead));
    assert_judged(&blocked_alone, "wait_blocked_on_event", Likely);
    let mut among_threads = with_thread(blocked_alone, On::PrivateFutex);
    assert_judged(&among_threads, "wait_blocked_on_event", Guess);
    // The same with inherited zombies.
    among_threads.zombies.adopted = 3;
    assert_judged(&among_threads, "wait_blocked_on_event", Guess);
}

#[test]
fn another_thread_may_have_reaped_before_the_agent_started() {
    let mut evidence = with_thread(came_later(true, 0), On::PipeRead);
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Guess);
    assert!(verdict.summary.contains("103"), "{}", verdict.summary);
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "wait_blocked_on_event", Guess);
    let futex = with_thread(came_later(true, 0), On::PrivateFutex);
    let verdict = assert_judged(&futex, "wait_blocked_on_event", Guess);
    let named = |line: &String| line.contains("103") && line.contains("futex");
    assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
}

#[test]
fn a_program_before_the_exec_may_have_reaped() {
    // A start script reaps its own children, which proves nothing about the program that it became.
    assert_judged(&came_later(true, 2), "never_waits", Guess);
    let unknown = with_thread(came_later(true, 3), On::PipeRead);
    assert_judged(&unknown, "never_waits", Guess);
    assert_judged(&came_later(false, 0), "never_waits", Guess);
    let verdict = assert_judged(&ran(came_later(false, 5)), "never_waits", Likely);
    let named = |line: &String| line.contains("/proc/100/stat");
    assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
}

/// A handler belongs to the current program.
#[test]
fn an_idle_parent_with_a_handler_that_has_reaped_lost_a_signal() {
    let with_handler = |booked, execs| {
        let mut evidence = came_later(booked, execs);
        facts(&mut evidence).looked_at[0].block = Some(blocked(On::Timer));
        facts(&mut evidence).sigchld = Some(Sigchld {
            caught: true,
            ..Sigchld::default()
        });
        evidence
    };
    assert_judged(&with_handler(true, 1), "sigchld_coalesced", Guess);
    assert_judged(&with_handler(true, 4), "sigchld_coalesced", Guess);
    assert_judged(&with_handler(false, 1), "never_waits", Guess);
    assert_judged(&ran(with_handler(false, 1)), "never_waits", Likely);
    // The zombies died while it was watched, so its handler would have been seen to wait.
    let mut watched = with_handler(true, 4);
    watched.zombies.age_is_lower_bound = false;
    assert_judged(&watched, "never_waits", Guess);
    let mut held_up = with_handler(true, 1);
    facts(&mut held_up).looked_at[0].block = Some(blocked(On::PipeRead));
    assert_judged(&held_up, "wait_blocked_on_event", Likely);
    // The program was watched from its start.
    let mut seen = with_handler(true, 4);
    seen.program.age_ns = Some(SECOND);
    assert_judged(&seen, "never_waits", Guess);
}
