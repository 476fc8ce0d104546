//! It waits only for particular children, and has not waited for these since they died.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Awaited, Evidence};

pub(super) const RULE: Rule = Rule {
    id: "waits_for_others",
    meaning: "The parent waits for particular children (by PID, process group or pidfd) and has not \
              waited for these zombies since they died.",
    judge,
};

/// Whether any sign shows a wait call that left its zombies in place.
pub(super) fn is_seen(evidence: &Evidence) -> bool {
    !signs(evidence).is_empty()
}

/// The surest of these signs.
pub(super) fn surest(evidence: &Evidence) -> Option<(Confidence, String)> {
    let signs = signs(evidence).into_iter();
    signs.max_by_key(|(confidence, _)| *confidence)
}

/// Applies if a wait call reaped none of its zombies although they were dead.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    if evidence.waits_once_per_signal() {
        return None;
    }
    let signs = signs(evidence);
    // It may reap the others after that call.
    let has_taken = evidence.reaped_since_oldest_death() || evidence.zombies.passed_over > 0;
    let elsewhere = evidence.waits_elsewhere();
    let is_of_thread = elsewhere.is_some_and(|(_, awaited)| awaited == Awaited::OfThread);
    let one_by_one = elsewhere.filter(|_| !has_taken && !is_of_thread);
    let confidence = signs.iter().map(|(confidence, _)| *confidence).max()?;
    let mut lines: Vec<_> = signs.into_iter().map(|(_, line)| line).collect();
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::program(evidence));
    lines.extend(waiting::thread(evidence));
    let mut fix = if is_of_thread {
        "wait without __WNOTHREAD, or in the thread that started these children".to_owned()
    } else {
        remedy::wait_for_each(evidence)
    };
    if evidence.receives_sigchld() && evidence.waits_by_pid() {
        fix.push_str(
            "; if it takes the PID from the signal (si_pid, ssi_pid), try every child with WNOHANG \
             on each SIGCHLD, since one SIGCHLD can stand for several deaths",
        );
    }
    let who = words::subject(evidence);
    let fix = remedy::fix_program(evidence, &fix);
    let (summary, remedy) = match one_by_one {
        Some((_, awaited)) => {
            let awaited = words::awaited(awaited);
            (
                format!(
                    "{who} is waiting for {awaited} and has not waited for these zombies since they \
                     died"
                ),
                format!(
                    "if it waits for its children one after the other, it reaps these after that \
                     call returns: find out why that child has not exited; otherwise {fix}"
                ),
            )
        }
        None => (
            format!(
                "{who} waits for particular children and has not waited for these zombies since \
                 they died"
            ),
            fix,
        ),
    };
    Some(Verdict {
        id: RULE.id,
        summary,
        evidence: lines,
        remedy,
        confidence,
    })
}

/// The signs, each with its confidence.
fn signs(evidence: &Evidence) -> Vec<(Confidence, String)> {
    let mut signs = Vec::new();
    let since = evidence
        .since
        .as_ref()
        .filter(|since| since.held_throughout);
    // A single call may be the first of several, one for each child.
    let several = since.is_some_and(|since| since.waits >= Some(2));
    if let Some((thread, awaited)) = evidence.waits_elsewhere() {
        let line = format!(
            "thread {} is in a wait call for {}; it may wait for these zombies after that call",
            thread.tid,
            words::awaited(awaited)
        );
        signs.push((Confidence::Likely, line));
    }
    if evidence.waited_for_any_since_oldest_death() == Some(false)
        && evidence.made_reaping_call_since_oldest_death() == Some(true)
    {
        let confidence = if several {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        signs.push((confidence, never_for_any(evidence)));
    }
    signs.extend(passed_over(evidence));
    if let Some(since) = since
        && let Some(waits) = since.waits
        // One call may be in progress.
        && waits > since.reaped + 1
        && evidence.peeked_instead() != Some(true)
    {
        let line = format!(
            "in the last {} it made {waits} wait calls and reaped {}",
            words::span(since.span_ns),
            match since.reaped {
                1 => "1 child".to_owned(),
                reaped => format!("{reaped} children"),
            }
        );
        signs.push((Confidence::Likely, line));
    }
    signs.extend(waited_in_vain(evidence));
    signs
}

/// It reaped a younger child instead.
fn passed_over(evidence: &Evidence) -> Option<(Confidence, String)> {
    let passed_over = evidence.zombies.passed_over;
    // Each thread looks for its own children first.
    let facts = evidence.facts.as_ref();
    let one_thread = facts.is_some_and(|facts| facts.threads == 1);
    let confidence = if one_thread && evidence.habits.reaped >= 2 {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    let line = format!(
        "it reaped a child that was started after {passed_over} of these zombies, while they were \
         already dead"
    );
    (passed_over > 0).then_some((confidence, line))
}

/// It waited after they died, and took none of them.
fn waited_in_vain(evidence: &Evidence) -> Option<(Confidence, String)> {
    let waited = evidence.waited_since_oldest_death() == Some(true);
    if !waited || evidence.reaped_since_oldest_death() {
        return None;
    }
    if evidence.made_reaping_call_since_oldest_death() != Some(false) {
        let line = "it called wait after they died and did not reap them".to_owned();
        // A single call may still be in progress.
        let confidence = match evidence.habits.waits {
            Some(1) => Confidence::Guess,
            _ => Confidence::Likely,
        };
        return Some((confidence, line));
    }
    let elsewhere = evidence.habits.peeks_elsewhere > 0 && !evidence.peeked_since_oldest_death();
    let line = "its wait calls since they died (with WNOWAIT) were for other children".to_owned();
    elsewhere.then_some((Confidence::Likely, line))
}

/// What its wait calls asked for instead.
fn never_for_any(evidence: &Evidence) -> String {
    let asked = evidence.habits.asked.unwrap_or_default();
    let kinds = [
        (asked.process, "one process by its PID"),
        (asked.group, "one process group"),
        (asked.pidfd, "one process by its pidfd"),
        (
            asked.clones,
            "children that send no SIGCHLD (__WCLONE) only",
        ),
        (
            asked.of_thread,
            "children of the calling thread (__WNOTHREAD) only",
        ),
    ];
    let used: Vec<_> = kinds
        .iter()
        .filter(|(calls, _)| *calls > 0)
        .map(|(calls, whom)| format!("{calls} for {whom}"))
        .collect();
    let any = if asked.any == 0 {
        "none for any child"
    } else {
        "none for any child since these died"
    };
    format!("its wait calls: {}, {any}", used.join(", "))
}
