//! Whoever should reap is held up by something else: a pipe, a lock, a server, a computation.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Block, Evidence, Thread, block::On};

pub(super) const RULE: Rule = Rule {
    id: "wait_blocked_on_event",
    meaning: "The thread that should reap is waiting for something else (a pipe, socket, lock, \
              file server, another thread) or is busy, and would reap once that is over; or it has \
              ended.",
    judge: judge_blocked,
};

/// The same where it is only known that it waited before and does not any more.
pub(super) const IDLE: Rule = Rule {
    judge: judge_idle,
    ..RULE
};

/// Applies where it is busy, or is blocked and something shows that it would reap otherwise: it
/// did, it has a handler, or what it reads from was left open by the dead.
fn judge_blocked(evidence: &Evidence) -> Option<Verdict> {
    let stopped_waiting = evidence.has_not_waited_since_the_look_before();
    if evidence.waits_elsewhere().is_some()
        || (evidence.waited_beside_the_dead() == Some(true) && !stopped_waiting)
    {
        return None;
    }
    let block = super::waits_of(evidence).filter(|block| is_held_up(evidence, block));
    let busy = block.is_none() && is_busy(evidence);
    if block.is_none() && !busy {
        let other = unseen_reaper(evidence)?;
        return Some(verdict(evidence, Some(other), Confidence::Guess));
    }
    let waited = evidence.ever_waited() == Some(true)
        && (stopped_waiting || evidence.has_not_waited_since_they_died());
    let left = block.is_some_and(Block::is_left_by_the_dead);
    let listens = evidence.listens_for_deaths();
    // A blocked thread of a program that shows nothing else says the least.
    let alone = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.threads == 1);
    // Where it only reaped before it was watched, any of its threads may have.
    let is_main = evidence.reaping_thread().is_some_and(|(thread, used_to)| {
        let seen = evidence.was_seen_waiting() || listens;
        used_to || (thread.tid == evidence.pid && (seen || alone))
    });
    let shown = waited || left || listens || busy;
    if !(shown || (alone && block.is_some())) {
        return None;
    }
    let slept = evidence.ran_beside_the_dead() == Some(false);
    let confidence = match block {
        Some(_) if left => Confidence::Likely,
        Some(_) if is_main && waited => Confidence::Likely,
        Some(_) if is_main && listens && slept => Confidence::Likely,
        _ => Confidence::Guess,
    };
    Some(verdict(evidence, None, confidence))
}

/// A thread that is held up outside of the process, of one that reaped before it was watched: the
/// first thread is not, and no handler tells it of deaths, so that one may be the reaper.
fn unseen_reaper(evidence: &Evidence) -> Option<&Thread> {
    let by_accounts = !evidence.was_seen_waiting() && evidence.ever_waited() == Some(true);
    if !by_accounts || evidence.listens_for_deaths() {
        return None;
    }
    let other = waiting::other_held_up(evidence)?;
    other
        .block
        .as_ref()
        .is_some_and(Block::is_hard)
        .then_some(other)
}

/// Applies where it waited once, and not since its zombies died.
fn judge_idle(evidence: &Evidence) -> Option<Verdict> {
    let not_since = evidence.habits.waits.is_none() && !evidence.was_seen_waiting();
    if evidence.ever_waited() != Some(true)
        || !(not_since || evidence.has_not_waited_since_they_died())
    {
        return None;
    }
    let single = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.threads == 1);
    let asleep = evidence.all_threads(&['S', 'I']);
    let idle = single && asleep && evidence.ran_beside_the_dead() != Some(true);
    let confidence = if single && evidence.ended_reaper().is_some() {
        // The one that is left ran, and did not take its place.
        words::not_seen(evidence, Confidence::Likely)
    } else if idle && evidence.was_seen_waiting() {
        Confidence::Likely
    } else {
        Confidence::Guess
    };
    Some(verdict(evidence, None, confidence))
}

/// Whether the wait keeps a thread from reaping. A lock of its own process does only where that
/// thread used to reap: elsewhere it is how idle threads sleep.
fn is_held_up(evidence: &Evidence, block: &Block) -> bool {
    let used_to = evidence
        .reaping_thread()
        .is_some_and(|(_, used_to)| used_to);
    block.is_hard() || (used_to && block.on == On::PrivateFutex)
}

/// Whether the thread that should reap computes: it wanted to run at both looks, or the process ran for most of the
/// time in between. One that gets no CPU is starved, which another rule says.
pub(super) fn is_busy(evidence: &Evidence) -> bool {
    let runs = evidence
        .reaping_thread()
        .is_some_and(|(thread, _)| thread.state == 'R');
    let since = evidence.since.as_ref().filter(|_| runs);
    since.is_some_and(|since| {
        since.was_runnable || since.cpu.is_some_and(|cpu| cpu.ran_ns > since.span_ns / 2)
    })
}

/// `other` is the thread that may be the one that reaps, where that is not the one that is looked
/// at first.
fn verdict(evidence: &Evidence, other: Option<&Thread>, confidence: Confidence) -> Verdict {
    let who = words::who(evidence);
    let ended = evidence.ended_reaper();
    let first = evidence.reaping_thread().map(|(thread, _)| thread);
    let doing = match (other, first) {
        (Some(thread), _) => waiting::named_thread(evidence, thread),
        (None, Some(thread)) => waiting::doing(evidence, thread),
        (None, None) => "is doing something else".to_owned(),
    };
    let block = other.or(first).and_then(|thread| thread.block.as_ref());
    let mut lines = Vec::from_iter(
        ended.map(|tid| format!("thread {tid}, which reaped the last one, has ended")),
    );
    lines.extend(waiting::thread(evidence));
    lines.extend(
        first
            .and_then(|thread| thread.block.as_ref())
            .into_iter()
            .flat_map(waiting::ends),
    );
    if !evidence.was_seen_waiting() && evidence.ever_waited() == Some(true) {
        waiting::add_other(evidence, &mut lines);
    }
    lines.extend(words::listens(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(words::ran(evidence));
    let before = match (evidence.habits.reaped, evidence.habits.waits) {
        (1.., _) => "has reaped children before, but now ",
        (0, Some(1..)) => "has called wait before, but now ",
        _ if evidence.ever_waited() == Some(true) => "has reaped children before, but now ",
        _ => "cannot reap while it ",
    };
    let before = match other {
        Some(_) => "has reaped children before, and now its ",
        None => before,
    };
    let restart = remedy::clear(evidence).map_or(String::new(), |clear| {
        format!("; if it stays blocked, {clear}")
    });
    let fix = block.and_then(waiting::fix).unwrap_or_else(|| {
        match block.map(|block| &block.on) {
            Some(On::Timer) => {
                "look again when its timer has expired: a parent that polls reaps then"
            }
            _ => "find out what it is waiting for (the first line) and let that happen",
        }
        .to_owned()
    });
    let busy = block.is_none() && evidence.runnable().next().is_some();
    let fix = if busy {
        "it should reap when its computation returns to its event loop; if that never happens, \
         move the computation to a thread or a child"
            .to_owned()
    } else {
        fix
    };
    let (summary, fix) = match ended.filter(|_| block.is_none_or(|block| !block.is_hard())) {
        Some(tid) => (
            format!("{who} has reaped children before, but the thread that did has ended"),
            format!(
                "find out why thread {tid} ended (an exception, a panic, a pool that shrinks) and \
                 let another wait in its place"
            ),
        ),
        None => (format!("{who} {before}{doing}"), fix),
    };
    Verdict {
        id: RULE.id,
        summary,
        evidence: lines,
        remedy: format!("{fix}{restart}"),
        confidence,
    }
}
