//! It has reaped before, and now does something else.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "wait_blocked_on_event";

/// Applies where it waited once, and not since its zombies died.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    if evidence.ever_waited() != Some(true) || !evidence.has_not_waited_since_they_died() {
        return None;
    }
    let facts = evidence.facts.as_ref();
    let sleeps = evidence.all_threads(&['S', 'I']);
    let single = facts.is_some_and(|facts| facts.threads == 1);
    let place = facts
        .and_then(|facts| facts.living().find_map(|thread| thread.wchan.clone()))
        .filter(|_| sleeps);
    let mut lines = vec![
        "it has not called wait since they died".to_owned(),
        words::habits(evidence),
    ];
    lines.extend(words::threads(evidence));
    lines.push(words::holds(evidence));
    let doing = place
        .as_ref()
        .map_or("does something else".to_owned(), |place| {
            format!("waits for something else, in {place}")
        });
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} has reaped before, and now {doing}",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: format!(
            "give it what it waits for (the other end of its pipe, socket or lock); else {}",
            words::restart(evidence)
        ),
        confidence: match (single, place) {
            (true, Some(_)) => Confidence::Likely,
            _ => Confidence::Guess,
        },
    })
}
