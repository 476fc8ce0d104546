//! The thread that should reap is blocked on something else (a pipe, a lock, a server) or is busy.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Block, Evidence, Thread, block::On};

pub(super) const RULE: Rule = Rule {
    id: "wait_blocked_on_event",
    meaning: "The thread that should reap is blocked on something else (a pipe, a socket, a lock, a \
              file server, another thread), is busy, or has exited. A blocked or busy thread would \
              reap afterwards.",
    judge: judge_blocked,
};

/// The same verdict if all that is known is that it used to wait and no longer does.
pub(super) const IDLE: Rule = Rule {
    judge: judge_idle,
    ..RULE
};

/// Applies if it is busy, or is blocked and would reap otherwise: it has reaped before, it has a
/// SIGCHLD handler, or a dead child left the pipe that it reads from open in another process.
fn judge_blocked(evidence: &Evidence) -> Option<Verdict> {
    let stopped_waiting = evidence.has_not_waited_since_last_look();
    if evidence.waits_elsewhere().is_some()
        || (evidence.waited_since_oldest_death() == Some(true) && !stopped_waiting)
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
    let left = block.is_some_and(Block::is_left_by_dead_child);
    let listens = evidence.handles_sigchld();
    // Of a program with several threads, one that is blocked proves little.
    let alone = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.threads == 1);
    // If it reaped only before it was watched, any of its threads may have done so.
    let is_main = evidence.reaping_thread().is_some_and(|(thread, used_to)| {
        let seen = evidence.was_seen_waiting() || listens;
        used_to || (thread.tid == evidence.pid && (seen || alone))
    });
    let shown = waited || left || listens || busy;
    if !(shown || (alone && block.is_some())) {
        return None;
    }
    let slept = evidence.ran_since_last_look() == Some(false);
    let confidence = match block {
        Some(_) if left => Confidence::Likely,
        Some(_) if is_main && waited => Confidence::Likely,
        Some(_) if is_main && listens && slept => Confidence::Likely,
        _ => Confidence::Guess,
    };
    Some(verdict(evidence, None, confidence))
}

/// A thread that is blocked on another process, of a process that reaped before it was watched. Its
/// first thread is not blocked and it has no SIGCHLD handler, so that thread may be the reaper.
fn unseen_reaper(evidence: &Evidence) -> Option<&Thread> {
    let by_accounts = !evidence.was_seen_waiting() && evidence.ever_waited() == Some(true);
    if !by_accounts || evidence.handles_sigchld() {
        return None;
    }
    let other = waiting::other_held_up(evidence)?;
    other
        .block
        .as_ref()
        .is_some_and(Block::is_hard)
        .then_some(other)
}

/// Applies if it used to wait, but has not since its zombies died.
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
    let idle = single && asleep && evidence.ran_since_last_look() != Some(true);
    let confidence = if single && evidence.ended_reaper().is_some() {
        // The remaining thread ran and did not reap instead.
        words::not_seen(evidence, Confidence::Likely)
    } else if idle && evidence.was_seen_waiting() {
        Confidence::Likely
    } else {
        Confidence::Guess
    };
    Some(verdict(evidence, None, confidence))
}

/// Whether the wait keeps a thread from reaping. A futex of its own process counts only for a thread
/// that used to reap: idle threads sleep on such futexes too.
fn is_held_up(evidence: &Evidence, block: &Block) -> bool {
    let used_to = evidence
        .reaping_thread()
        .is_some_and(|(_, used_to)| used_to);
    block.is_hard() || (used_to && block.on == On::PrivateFutex)
}

/// Whether the thread that should reap is computing: it was runnable at both looks, or the process
/// ran for most of the time in between. Starved processes have a rule of their own.
pub(super) fn is_busy(evidence: &Evidence) -> bool {
    let runs = evidence
        .reaping_thread()
        .is_some_and(|(thread, _)| thread.state == 'R');
    let since = evidence.since.as_ref().filter(|_| runs);
    since.is_some_and(|since| {
        since.was_runnable || since.cpu.is_some_and(|cpu| cpu.ran_ns > since.span_ns / 2)
    })
}

/// `other` is the thread that may be the reaper, if that is not the one that is looked at first.
fn verdict(evidence: &Evidence, other: Option<&Thread>, confidence: Confidence) -> Verdict {
    let who = words::subject(evidence);
    let ended = evidence.ended_reaper();
    let first = evidence.reaping_thread().map(|(thread, _)| thread);
    let doing = match (other, first) {
        (Some(thread), _) => waiting::named_thread(evidence, thread),
        (None, Some(thread)) => waiting::doing(evidence, thread),
        (None, None) => "is doing something else".to_owned(),
    };
    let block = other.or(first).and_then(|thread| thread.block.as_ref());
    let lines = lines(evidence, ended, first);
    let before = match (evidence.habits.reaped, evidence.habits.waits) {
        (1.., _) => "has reaped children before, but now ",
        (0, Some(1..)) => "has called wait before, but now ",
        _ if evidence.ever_waited() == Some(true) => "has reaped children before, but now ",
        _ => "cannot reap while it ",
    };
    let before = match other {
        Some(_) => "has reaped children before, but now its ",
        None => before,
    };
    let restart = remedy::clear(evidence).map_or(String::new(), |clear| {
        format!("; if it stays blocked, {clear}")
    });
    let fix = fix(evidence, block);
    let (summary, fix) = match ended.filter(|_| block.is_none_or(|block| !block.is_hard())) {
        Some(tid) => (
            format!("{who} has reaped children before, but its reaping thread has exited"),
            format!(
                "find out why thread {tid} exited (an exception, a panic, a shrinking pool), and \
                 make another thread wait in its place"
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

/// What is known of it, the most important first. `first` is the thread that is looked at first.
fn lines(evidence: &Evidence, ended: Option<u32>, first: Option<&Thread>) -> Vec<String> {
    let mut lines = Vec::from_iter(
        ended.map(|tid| format!("thread {tid}, which reaped the last child, has exited")),
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
    lines.extend(words::sigchld_handling(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(words::ran(evidence));
    lines
}

/// What makes it reap.
fn fix(evidence: &Evidence, block: Option<&Block>) -> String {
    if block.is_none() && evidence.runnable().next().is_some() {
        return "it should reap when its computation finishes; if it does not finish in time, move \
                the computation to another thread or process"
            .to_owned();
    }
    block.and_then(waiting::fix).unwrap_or_else(|| {
        match block.map(|block| &block.on) {
            Some(On::Timer) => {
                "look again after its timer expires: a parent that polls reaps then; if it does \
                 not, make it call waitpid for each child that ends (in Python: join() or wait())"
            }
            _ => "find out what it is waiting for (see the first fact) and fix that",
        }
        .to_owned()
    })
}
