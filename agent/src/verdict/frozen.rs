//! Its cgroup is frozen.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "parent_frozen";

/// Applies where a freezer of either version holds it.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let freezer = evidence.facts.as_ref()?.freezer.as_ref()?;
    let mut facts = vec![
        format!("the cgroup {} is frozen", freezer.cgroup),
        words::holds(evidence),
        words::habits(evidence),
    ];
    facts.extend(words::threads(evidence));
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} is frozen with its cgroup, so it cannot reap",
            words::who(evidence)
        ),
        evidence: facts,
        remedy: format!(
            "thaw it, if nobody froze it on purpose (a paused container, a checkpoint): {}",
            freezer.thaw
        ),
        confidence: Confidence::Certain,
    })
}
