//! Its cgroup is frozen.

use super::{Confidence, Rule, Verdict, words};
use crate::culprit::evidence::Evidence;
use crate::thaw;

pub(super) const RULE: Rule = Rule {
    id: "parent_frozen",
    meaning: "The cgroup of the parent is frozen (a paused container, a checkpoint), so none of its \
              threads can run.",
    judge,
};

fn judge(evidence: &Evidence) -> Option<Verdict> {
    let facts = evidence.facts.as_ref()?;
    let freezer = facts.freezer.as_ref()?;
    let others = facts.frozen_with_it.as_ref();
    let mut facts = vec![
        format!(
            "the cgroup {} is frozen{}",
            freezer.cgroup.display(),
            others.map(thaw::with).unwrap_or_default()
        ),
        words::holds(evidence),
        words::habits(evidence),
    ];
    facts.extend(words::sigchld_handling(evidence));
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} cannot reap, because its cgroup is frozen",
            words::subject(evidence)
        ),
        evidence: facts,
        remedy: format!(
            "if it was not frozen on purpose (a paused container, a checkpoint), thaw the \
             cgroup{}: {}",
            others.map_or(
                ", which resumes every process in it".to_owned(),
                thaw::resumes
            ),
            freezer.thaw
        ),
        confidence: Confidence::Certain,
    })
}
