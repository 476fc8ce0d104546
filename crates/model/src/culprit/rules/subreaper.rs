//! It asked for the orphans below it and does not reap them. No file shows a subreaper: that it
//! adopts without being an init does.

use super::{Confidence, Rule, Verdict, remedy, waiting, waits_for_others, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "subreaper_without_reaping",
    meaning: "The process made itself a subreaper (PR_SET_CHILD_SUBREAPER), so it inherits the \
              orphans below it, and does not wait for them.",
    judge,
};

/// Applies where most zombies were adopted, and no wait is made that could take them.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let adopts = evidence.zombies.adopted > 0 && evidence.holds_mostly_adopted();
    let known_no_init = evidence
        .facts
        .as_ref()?
        .own_number
        .is_some_and(|(number, _)| number != 1);
    let not_for_them =
        evidence.has_not_waited_since_they_died() || waits_for_others::is_seen(evidence);
    if !adopts || !known_no_init || !not_for_them {
        return None;
    }
    let mut lines = Vec::from_iter(words::adopted(evidence));
    lines.push(
        "it is not an init, so it must have asked to inherit them (PR_SET_CHILD_SUBREAPER)"
            .to_owned(),
    );
    lines.extend(waits_for_others::surest(evidence).map(|(_, line)| line));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend(words::listens(evidence).or_else(|| words::deaf(evidence)));
    lines.extend(words::ran(evidence));
    let any = "beside its other waits, reap the orphans that it inherits, by waitid(P_ALL, WNOWAIT) \
               to find one that is not its own child and waitpid of that PID; or do not become a \
               subreaper";
    let fix = if evidence.waits_by_pid() {
        any
    } else {
        "wait for any child (waitpid(-1) until none is left), or do not become a subreaper"
    };
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} inherits the orphans below it as a subreaper and does not reap them",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: remedy::fix_program(evidence, fix),
        confidence: if waits_for_others::surest(evidence)
            .is_some_and(|(surest, _)| surest >= Confidence::Likely)
        {
            Confidence::Likely
        } else {
            words::not_seen(evidence, Confidence::Likely)
        },
    })
}
