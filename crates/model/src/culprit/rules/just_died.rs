//! Its zombies are too young to be a fault.

use super::{Confidence, Rule, Verdict, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "just_died",
    meaning: "The zombie is younger than 2 s; its parent may still reap it.",
    judge,
};

fn judge(evidence: &Evidence) -> Option<Verdict> {
    (evidence.zombies.old == 0).then(|| of_zombie(evidence.zombies.oldest_age_ns))
}

/// Of one zombie of this age.
pub fn of_zombie(age_ns: u64) -> Verdict {
    Verdict {
        id: RULE.id,
        summary: "it has just exited; its parent may still reap it".to_owned(),
        evidence: vec![format!(
            "it has been a zombie for {} ms",
            age_ns / 1_000_000
        )],
        remedy: format!(
            "nothing yet; look again in {}",
            words::span(crate::culprit::evidence::suspects::YOUNG_NS)
        ),
        confidence: Confidence::Certain,
    }
}
