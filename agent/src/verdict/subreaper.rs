//! It asked for the orphans below it and does not reap them. No file shows a subreaper: that it
//! adopts without being an init does.

use super::{Confidence, Verdict, waits_for_others, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "subreaper_without_reaping";

/// Applies where most zombies were adopted, and no wait is made that could take them.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let adopts = evidence.zombies.adopted > 0 && evidence.holds_mostly_adopted();
    let known_no_init = evidence
        .facts
        .as_ref()?
        .own_number
        .is_some_and(|(number, _)| number != 1);
    let not_for_them =
        evidence.has_not_waited_since_they_died() || waits_for_others::is_seen(evidence);
    if !adopts || !known_no_init || !not_for_them {
        return None;
    }
    let mut lines = Vec::from_iter(words::adopted(evidence));
    lines.push(
        "it is no init, so it must have asked to adopt them (PR_SET_CHILD_SUBREAPER)".to_owned(),
    );
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::threads(evidence));
    lines.extend(words::deaf(evidence));
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} adopts the orphans below it as a subreaper, and does not reap them",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: format!(
            "mend {}: wait for any child, or do not become a subreaper; until then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: words::not_seen(evidence, Confidence::Likely),
    })
}
