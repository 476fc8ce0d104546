//! Too young to accuse anybody.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "just_died";

/// Applies where no zombie is old.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    (evidence.zombies.old == 0).then(|| of_zombie(evidence.zombies.oldest_age_ns))
}

/// Of one zombie of this age.
pub fn of_zombie(age_ns: u64) -> Verdict {
    Verdict {
        id: ID,
        summary: "died a moment ago, and its parent may still reap it".to_owned(),
        evidence: vec![format!("dead for {} ms", age_ns / 1_000_000)],
        remedy: format!(
            "nothing yet: look again in {}",
            words::span(crate::evidence::suspects::YOUNG_NS)
        ),
        confidence: Confidence::Certain,
    }
}
