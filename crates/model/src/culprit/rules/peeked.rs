//! It finds its dead children with `WNOWAIT`, which does not reap, and never reaps them
//! ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "peeked_not_reaped",
    meaning: "The parent finds its dead children with waitid(…, WNOWAIT), which does not reap, and \
              makes no second call to reap them.",
    judge,
};

/// Applies if, since its oldest zombie died, it made only calls with `WNOWAIT`. A program that looks
/// first and then reaps makes other calls too.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let asked = evidence.habits.asked?;
    let takes = evidence.made_reaping_call_since_oldest_death() != Some(false)
        || evidence.reaped_since_oldest_death();
    if !evidence.peeked_since_oldest_death() || takes {
        return None;
    }
    let at_these = asked.peeks.saturating_sub(evidence.habits.peeks_elsewhere);
    let never_took = evidence.habits.last_take_age_ns.is_none();
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} finds its dead children with WNOWAIT but does not reap them",
            words::subject(evidence)
        ),
        evidence: vec![
            format!(
                "{} with WNOWAIT could return these zombies, but WNOWAIT does not reap; {}",
                words::count(at_these, "wait call"),
                if never_took {
                    "it made no call that reaps"
                } else {
                    "it has made no call that reaps since they died"
                }
            ),
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy: remedy::fix_program(
            evidence,
            "after waitid with WNOWAIT has returned a child, call waitpid on its PID to reap it",
        ),
        confidence: match (never_took, at_these) {
            (_, 0..2) => Confidence::Guess,
            (true, _) => Confidence::Certain,
            (false, _) => Confidence::Likely,
        },
    })
}
