//! Children whose death sends no SIGCHLD: a plain wait does not see them
//! ([`eligible_child`](https://elixir.bootlin.com/linux/v6.12/A/ident/eligible_child)).

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "needs_wclone";

/// Applies where most of the zombies are such.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let (hidden, old) = (evidence.zombies.without_sigchld, evidence.zombies.old);
    if hidden * 2 < old || hidden == 0 {
        return None;
    }
    let who = words::who(evidence);
    Some(Verdict {
        id: ID,
        summary: format!("{who} cloned children that a plain wait does not see"),
        evidence: vec![
            format!(
                "{hidden} of {} have another exit signal than SIGCHLD",
                words::count(old, "zombie")
            ),
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy: format!(
            "mend {}: give __WALL or __WCLONE to its waits, or SIGCHLD to its clone; until then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: if hidden == old {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
