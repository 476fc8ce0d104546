//! It looks at its dead with `WNOWAIT`, which leaves them where they are, and never takes them
//! ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "peeked_not_reaped";

/// Applies where it only looked while its oldest zombie lay dead. Who looks first and takes then
/// makes calls that take.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let asked = evidence.habits.asked?;
    let takes =
        evidence.would_take_beside_the_dead() != Some(false) || evidence.reaped_beside_the_dead();
    if !evidence.peeked_beside_the_dead() || takes {
        return None;
    }
    let never_took = evidence.habits.last_take_age_ns.is_none();
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} looks at its dead children without taking them",
            words::who(evidence)
        ),
        evidence: vec![
            format!(
                "{} of it had WNOWAIT, which leaves the dead where they are; {}",
                words::count(asked.peeks, "wait call"),
                if never_took {
                    "none would have taken them"
                } else {
                    "none since they died would have taken them"
                }
            ),
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy: format!(
            "mend {}: after it has looked, wait once more for that child without WNOWAIT; until \
             then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: if never_took {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
