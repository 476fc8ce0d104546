//! Who would reap if something else did not keep it.

use super::super::testing::*;
use super::super::*;
use crate::evidence::block::{Block, End, On, Relation};
use crate::evidence::{Cpu, Sigchld, Since};
use Confidence::{Guess, Likely};

#[test]
fn who_waited_before_they_died_waits_for_something_else_now() {
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

/// Whoever reaped until it blocked is blocked, whatever it inherits or is.
#[test]
fn a_blocked_reaper_is_blocked_first() {
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
    // Idle threads sleep like that too: only the one that used to reap tells.
    evidence.habits.last_reaper_tid = None;
    assert_judged(&evidence, "init_without_reaping", Guess);
}

#[test]
fn who_reads_what_the_dead_left_open_is_blocked() {
    let mut evidence = slept(leak());
    let mut pipe = blocked(On::PipeRead);
    pipe.ends = vec![end(77, "sleep", Relation::LeftByTheDead)];
    facts(&mut evidence).looked_at[0].block = Some(pipe.clone());
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(verdict.remedy.contains("kill 77"), "{}", verdict.remedy);
    // The last of a chain is who can act.
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
fn a_handler_that_cannot_lead_to_a_wait_is_told() {
    let mut evidence = slept(leak());
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    facts(&mut evidence).threads = 2;
    facts(&mut evidence).looked_at[0].block = Some(blocked(On::FifoOpen { path: None }));
    let verdict = assert_judged(&evidence, "wait_blocked_on_event", Likely);
    assert!(!verdict.remedy.contains("SIG_IGN"), "{}", verdict.remedy);
    // Busy, it does not get to it either.
    facts(&mut evidence).looked_at = vec![thread(100, 'R', "")];
    evidence.since = Some(Since {
        cpu: Some(Cpu {
            ran_ns: 9 * SECOND,
            ..Cpu::default()
        }),
        ..since(0, 0)
    });
    assert_judged(&evidence, "wait_blocked_on_event", Guess);
    // An idle loop should have got to it.
    evidence = ran(evidence);
    facts(&mut evidence).looked_at = vec![thread(100, 'S', "do_epoll_wait")];
    let verdict = assert_judged(&evidence, "never_waits", Likely);
    assert!(!verdict.remedy.contains("SIG_IGN"), "{}", verdict.remedy);
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
    assert_judged(&evidence, "subreaper_without_reaping", Guess);
    facts(&mut evidence).own_number = Some((1, 1));
    assert_judged(&evidence, "init_without_reaping", Guess);
}

/// The thread that reaped died of an exception, and the others go on.
#[test]
fn a_reaping_thread_that_has_ended_is_told() {
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
