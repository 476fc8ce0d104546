//! Whoever should reap is held up by something else: a pipe, a lock, a server, a computation.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::evidence::{Block, Evidence, block::On};

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
        return None;
    }
    let waited = evidence.ever_waited() == Some(true)
        && (stopped_waiting || evidence.has_not_waited_since_they_died());
    let left = block.is_some_and(Block::is_left_by_the_dead);
    let listens = evidence.listens_for_deaths();
    let is_main = evidence
        .reaping_thread()
        .is_some_and(|(thread, used_to)| used_to || thread.tid == evidence.pid);
    let shown = waited || left || listens || busy;
    // A blocked thread of a program that shows nothing else says the least.
    let alone = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.threads == 1);
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
    Some(verdict(evidence, block, confidence))
}

/// Applies where it waited once, and not since its zombies died.
fn judge_idle(evidence: &Evidence) -> Option<Verdict> {
    if evidence.ever_waited() != Some(true) || !evidence.has_not_waited_since_they_died() {
        return None;
    }
    let block = super::waits_of(evidence);
    let single = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.threads == 1);
    let asleep = evidence.all_threads(&['S', 'I']);
    let confidence = if single && evidence.ended_reaper().is_some() {
        // The one that is left ran, and did not take its place.
        words::not_seen(evidence, Confidence::Likely)
    } else if single && asleep && evidence.ran_beside_the_dead() != Some(true) {
        Confidence::Likely
    } else {
        Confidence::Guess
    };
    Some(verdict(evidence, block, confidence))
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

fn verdict(evidence: &Evidence, block: Option<&Block>, confidence: Confidence) -> Verdict {
    let who = words::who(evidence);
    let ended = evidence.ended_reaper();
    let doing = evidence
        .reaping_thread()
        .map_or("is doing something else".to_owned(), |(thread, _)| {
            waiting::doing(evidence, thread)
        });
    let mut lines = Vec::from_iter(
        ended.map(|tid| format!("thread {tid}, which reaped the last one, has ended")),
    );
    lines.extend(waiting::thread(evidence));
    lines.extend(block.into_iter().flat_map(waiting::ends));
    lines.extend(words::listens(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::program(evidence));
    lines.extend(words::ran(evidence));
    let before = match (evidence.habits.reaped, evidence.habits.waits) {
        (1.., _) => "has reaped children before, but now ",
        (0, Some(1..)) => "has called wait before, but now ",
        _ => "cannot reap while it ",
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
