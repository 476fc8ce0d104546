//! It does not wait at all.

use super::{Confidence, Verdict, words};
use crate::evidence::{Evidence, Facts};

pub(super) const ID: &str = "never_waits";

/// Applies where no wait was seen, or none could be.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let waits = evidence.habits.waits;
    if waits.is_some_and(|waits| waits > 0) || waits.is_none() && evidence.habits.reaped > 0 {
        return None;
    }
    // It may have called one before it was watched.
    let inside = |facts: &Facts| facts.living().any(|thread| thread.awaits.is_some());
    if evidence.facts.as_ref().is_some_and(inside) {
        return None;
    }
    let runnable = evidence
        .facts
        .as_ref()
        .is_some_and(|facts| facts.living().any(|thread| thread.state == 'R'));
    let mut lines = vec![words::habits(evidence), words::holds(evidence)];
    lines.extend(words::adopted(evidence));
    lines.extend(words::threads(evidence));
    lines.extend(words::deaf(evidence));
    Some(Verdict {
        id: ID,
        summary: format!("{} never waits for its children", words::who(evidence)),
        evidence: lines,
        remedy: format!(
            "mend {}: wait for each child it starts, or ignore SIGCHLD; until then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: match waits {
            // It may be about to wait, and not get there: only two looks tell.
            Some(_) if runnable && evidence.since.is_none() => Confidence::Guess,
            Some(_) if words::long_watched(evidence) => Confidence::Certain,
            Some(_) => words::not_seen(evidence, Confidence::Likely),
            None => Confidence::Guess,
        },
    })
}
