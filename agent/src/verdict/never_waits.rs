//! It does not wait at all, and nothing else explains that.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::evidence::{Evidence, Facts};

pub(super) const RULE: Rule = Rule {
    id: "never_waits",
    meaning: "No wait call of the parent was seen and nothing else explains that: it probably \
              starts children and never waits for them.",
    judge,
};

/// Applies where no wait was seen, or none could be.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let waits = evidence.habits.waits;
    if waits.is_some_and(|waits| waits > 0) || evidence.habits.reaped > 0 {
        return None;
    }
    // It may have called one before it was watched.
    let inside = |facts: &Facts| facts.living().any(|thread| thread.awaits.is_some());
    if evidence.facts.as_ref().is_some_and(inside) {
        return None;
    }
    let mut lines = vec![words::habits(evidence), words::holds(evidence)];
    lines.extend(words::program(evidence));
    lines.extend(words::adopted(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend(
        super::waits_of(evidence)
            .into_iter()
            .flat_map(waiting::ends),
    );
    lines.extend(words::listens(evidence).or_else(|| words::deaf(evidence)));
    lines.extend(words::ran(evidence));
    let asleep = evidence.ran_beside_the_dead() == Some(false);
    let listens = evidence.listens_for_deaths();
    let fix = match () {
        () if listens => "its SIGCHLD handler or signalfd must lead to a waitpid call".to_owned(),
        () => format!(
            "{}; {}",
            remedy::wait_for_each(evidence),
            remedy::IGNORE_SIGCHLD
        ),
    };
    Some(Verdict {
        id: RULE.id,
        summary: if asleep {
            format!(
                "{} has not called wait: it has slept since it is watched",
                words::who(evidence)
            )
        } else {
            format!("{} does not wait for its children", words::who(evidence))
        },
        evidence: lines,
        remedy: remedy::fix_program(evidence, &fix),
        confidence: words::not_seen(evidence, Confidence::Likely),
    })
}
