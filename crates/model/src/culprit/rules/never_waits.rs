//! It does not wait at all, and nothing else explains that.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Evidence, Facts, Reaped};

pub(super) const RULE: Rule = Rule {
    id: "never_waits",
    meaning: "No wait call of the parent was seen and nothing else explains that: it probably \
              starts children and never waits for them.",
    judge,
};

/// At most likely: nothing says that it will not wait yet. A guess where another thread that is
/// held up may be the one that reaps, or where a handler had its chance before it was watched.
fn confidence(evidence: &Evidence) -> Confidence {
    let listened_before = evidence.listens_for_deaths()
        && evidence.zombies.age_is_lower_bound
        && evidence.reaped_before() != Some(Reaped::Never);
    if waiting::other_held_up(evidence).is_some() || listened_before {
        Confidence::Guess
    } else {
        words::not_seen(evidence, Confidence::Likely)
    }
}

/// Applies where no wait was seen, or none could be, and nothing says that it reaped before.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    if evidence.ever_waited() == Some(true) {
        return None;
    }
    // It may have called one before it was watched.
    let inside = |facts: &Facts| facts.living().any(|thread| thread.awaits.is_some());
    if evidence.facts.as_ref().is_some_and(inside) {
        return None;
    }
    let mut lines = vec![words::habits(evidence), words::holds(evidence)];
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(words::adopted(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend(
        super::waits_of(evidence)
            .into_iter()
            .flat_map(waiting::ends),
    );
    waiting::add_other(evidence, &mut lines);
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
        confidence: confidence(evidence),
    })
}
