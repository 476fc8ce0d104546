//! It looks at its dead with `WNOWAIT`, which leaves them where they are, and never takes them
//! ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "peeked_not_reaped",
    meaning: "The parent sees these zombies with waitid(…, WNOWAIT), which leaves them in place, \
              and never follows up with a wait that takes them.",
    judge,
};

/// Applies where it only looked while its oldest zombie was there. Who looks first and takes then
/// makes calls that take.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let asked = evidence.habits.asked?;
    let takes =
        evidence.would_take_beside_the_dead() != Some(false) || evidence.reaped_beside_the_dead();
    if !evidence.peeked_beside_the_dead() || takes {
        return None;
    }
    let at_these = asked.peeks.saturating_sub(evidence.habits.peeks_elsewhere);
    let never_took = evidence.habits.last_take_age_ns.is_none();
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} looks at its dead children without reaping them",
            words::who(evidence)
        ),
        evidence: vec![
            format!(
                "{} with WNOWAIT could return them and left them in place; {}",
                words::count(at_these, "wait call"),
                if never_took {
                    "no call would have reaped them"
                } else {
                    "no call since they died would have reaped them"
                }
            ),
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy: remedy::fix_program(
            evidence,
            "after the look, wait for that child once more, by its PID and without WNOWAIT",
        ),
        confidence: match (never_took, at_these) {
            (_, 0..2) => Confidence::Guess,
            (true, _) => Confidence::Certain,
            (false, _) => Confidence::Likely,
        },
    })
}
