//! Signals of one kind do not queue: several deaths may make one SIGCHLD. Who then waits once
//! leaves the others.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "sigchld_coalesced";

/// Applies where it reaps while others lie dead, in the order that a wait for any child would.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let asks_for_any = evidence.asked_for_any_beside_the_dead();
    if !evidence.reaped_beside_the_dead()
        || evidence.zombies.passed_over > 0
        || asks_for_any == Some(false)
        || evidence.has_not_waited_since_they_died()
    {
        return None;
    }
    let caught = evidence
        .facts
        .as_ref()
        .and_then(|facts| facts.sigchld)
        .map(|it| it.caught);
    let each_took_one = evidence.since.as_ref().is_some_and(|since| {
        since.held_throughout && since.reaped > 0 && since.waits == Some(since.reaped)
    });
    let mut lines =
        vec!["it reaps some of its children, and leaves others that lie dead".to_owned()];
    if let Some(since) = evidence.since.as_ref().filter(|_| each_took_one) {
        lines.push(format!(
            "in the last {} each of its {} took one child, and no more waits followed",
            words::span(since.span_ns),
            words::count(since.reaped, "wait")
        ));
    }
    if caught == Some(true) {
        lines.push("a handler for SIGCHLD is installed".to_owned());
    }
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} waits once for several deaths, and leaves the rest",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: format!(
            "mend {}: at each SIGCHLD, call waitpid(-1, …, WNOHANG) until it finds none; until \
             then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: match (caught, each_took_one) {
            (Some(true), true) => Confidence::Certain,
            (Some(true), false) | (_, true) => Confidence::Likely,
            _ => Confidence::Guess,
        },
    })
}
