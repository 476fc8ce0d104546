//! Children whose death sends no SIGCHLD: a plain wait call does not see them
//! ([`eligible_child`](https://elixir.bootlin.com/linux/v6.12/A/ident/eligible_child)).

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "needs_wclone",
    meaning: "The children were cloned with an exit signal other than SIGCHLD. Only a wait call with \
              __WALL or __WCLONE sees them.",
    judge,
};

/// Applies if most of the zombies are such children.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let (hidden, old) = (evidence.zombies.without_sigchld, evidence.zombies.old);
    if hidden * 2 < old || hidden == 0 {
        return None;
    }
    let who = words::subject(evidence);
    Some(Verdict {
        id: RULE.id,
        summary: format!("{who} cloned children that a plain wait call does not see"),
        evidence: vec![
            format!(
                "{hidden} of {} have an exit signal other than SIGCHLD",
                words::examined(&evidence.zombies)
            ),
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy: remedy::fix_program(
            evidence,
            "pass __WALL or __WCLONE to its wait calls, or SIGCHLD to clone",
        ),
        confidence: if hidden == old && !evidence.zombies.is_sample {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
