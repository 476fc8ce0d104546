//! It never waits, and no other rule explains that.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Evidence, Facts, Reaped};

pub(super) const RULE: Rule = Rule {
    id: "never_waits",
    meaning: "The parent made no wait call, and nothing else explains why. It probably starts \
              children and never waits for them.",
    judge,
};

/// At most likely, since it may still wait. A guess if another thread that is blocked may be the one
/// that reaps, or if a SIGCHLD handler may have run before it was watched.
fn confidence(evidence: &Evidence) -> Confidence {
    let listened_before = evidence.handles_sigchld()
        && evidence.zombies.age_is_lower_bound
        && evidence.reaped_before() != Some(Reaped::Never);
    if waiting::other_held_up(evidence).is_some() || listened_before {
        Confidence::Guess
    } else {
        words::not_seen(evidence, Confidence::Likely)
    }
}

/// Applies if no wait call was seen, or calls are not counted, and it is not known to have reaped.
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
    lines.extend(words::sigchld_handling(evidence).or_else(|| words::no_notification(evidence)));
    lines.extend(words::ran(evidence));
    let asleep = evidence.ran_since_last_look() == Some(false);
    let fix = match () {
        () if evidence.handles_sigchld() => {
            "call waitpid from its SIGCHLD handler, or when its signalfd reports SIGCHLD".to_owned()
        }
        () if evidence.ignores_sigchld() => {
            lines.push(
                "it ignores SIGCHLD now, which does not reap children that died before".to_owned(),
            );
            "ignore SIGCHLD before its first fork, or call waitpid for these children once"
                .to_owned()
        }
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
                "{} has not called wait: it was asleep all the time it was watched",
                words::subject(evidence)
            )
        } else {
            format!(
                "{} does not wait for its children",
                words::subject(evidence)
            )
        },
        evidence: lines,
        remedy: remedy::fix_program(evidence, &fix),
        confidence: confidence(evidence),
    })
}
