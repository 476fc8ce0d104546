//! It waits, but for certain children only, and these are none of them.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "waits_for_others";

/// Whether anything shows a wait that left its zombies lying.
pub(super) fn is_seen(evidence: &Evidence) -> bool {
    !signs(evidence).is_empty()
}

/// The surest of it.
pub(super) fn surest(evidence: &Evidence) -> Option<(Confidence, String)> {
    let signs = signs(evidence).into_iter();
    signs.max_by_key(|(confidence, _)| *confidence)
}

/// Applies where a wait took none of its zombies though they could be taken.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let signs = signs(evidence);
    let confidence = signs.iter().map(|(confidence, _)| *confidence).max()?;
    let mut lines: Vec<_> = signs.into_iter().map(|(_, line)| line).collect();
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} waits for certain children, and not for these",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: format!(
            "mend {}: wait for any child (waitpid(-1) until it finds none), or for each that it \
             starts; until then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence,
    })
}

/// What shows it, and how surely.
fn signs(evidence: &Evidence) -> Vec<(Confidence, String)> {
    let mut signs = Vec::new();
    if let Some((thread, awaited)) = evidence.waits_elsewhere() {
        let line = format!(
            "its thread {} is inside a wait for {}",
            thread.tid,
            words::awaited(awaited)
        );
        signs.push((Confidence::Certain, line));
    }
    if evidence.asked_for_any_beside_the_dead() == Some(false)
        && evidence.would_take_beside_the_dead() == Some(true)
    {
        signs.push((Confidence::Certain, never_for_any(evidence)));
    }
    let passed_over = evidence.zombies.passed_over;
    if passed_over > 0 {
        // Each thread looks for its own children first.
        let one_thread = evidence
            .facts
            .as_ref()
            .is_some_and(|facts| facts.threads == 1);
        let confidence = if one_thread {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        let line = format!(
            "it reaped a child that was born after {passed_over} of them, while those lay dead"
        );
        signs.push((confidence, line));
    }
    if let Some(since) = evidence.since.as_ref().filter(|since| since.held_throughout)
        && let Some(waits) = since.waits
        // One may be under way.
        && waits > since.reaped + 1
    {
        let line = format!(
            "in the last {} it called wait {waits} times and reaped {} of its children",
            words::span(since.span_ns),
            since.reaped
        );
        signs.push((Confidence::Likely, line));
    }
    let none_taken = !evidence.reaped_beside_the_dead();
    let took_or_unknown = evidence.would_take_beside_the_dead() != Some(false);
    if evidence.waited_beside_the_dead() == Some(true) && none_taken && took_or_unknown {
        let line = "it called wait while they lay dead, and took none".to_owned();
        // One alone may be under way, its reap yet to come.
        let confidence = match evidence.habits.waits {
            Some(1) => Confidence::Guess,
            _ => Confidence::Likely,
        };
        signs.push((confidence, line));
    }
    signs
}

/// Whom it asked for instead, in its own words where all calls asked alike.
fn never_for_any(evidence: &Evidence) -> String {
    let asked = evidence.habits.asked.unwrap_or_default();
    let kinds = [
        (asked.process, "one process by its PID"),
        (asked.group, "one process group"),
        (asked.pidfd, "the process of a pidfd"),
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
    format!("of its wait calls, {}, and {any}", used.join(", "))
}
