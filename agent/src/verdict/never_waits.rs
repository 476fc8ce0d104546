//! It does not wait at all.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "never_waits";

/// Applies where no wait was seen, or none could be.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let waits = evidence.habits.waits;
    if waits.is_some_and(|waits| waits > 0) || waits.is_none() && evidence.habits.reaped > 0 {
        return None;
    }
    let mut lines = vec![words::habits(evidence), words::holds(evidence)];
    lines.extend(words::adopted(evidence));
    lines.extend(words::threads(evidence));
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
            Some(_) if words::long_watched(evidence) => Confidence::Certain,
            Some(_) => Confidence::Likely,
            None => Confidence::Guess,
        },
    })
}
