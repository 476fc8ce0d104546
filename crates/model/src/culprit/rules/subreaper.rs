//! A subreaper that does not reap its orphans. No file shows that a process is a subreaper; that it
//! adopts without being PID 1 does.

use super::{Confidence, Rule, Verdict, remedy, waiting, waits_for_others, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "subreaper_without_reaping",
    meaning: "The process made itself a subreaper (PR_SET_CHILD_SUBREAPER), so it inherits its \
              orphaned descendants, but it does not wait for them.",
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
        "it is not PID 1, so it must have made itself a subreaper (PR_SET_CHILD_SUBREAPER)"
            .to_owned(),
    );
    lines.extend(waits_for_others::surest(evidence).map(|(_, line)| line));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend(words::sigchld_handling(evidence).or_else(|| words::no_notification(evidence)));
    lines.extend(words::ran(evidence));
    let any = "in addition to its other wait calls, reap the orphans that it inherits: use \
               waitid(P_ALL, WNOWAIT) to find a dead child that it did not start, and call waitpid \
               on its PID; or do not become a subreaper";
    let fix = if evidence.waits_by_pid() {
        any
    } else {
        "wait for any child (waitpid(-1) until no dead child is left), or do not become a subreaper"
    };
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} is a subreaper and does not reap the orphans that it inherits",
            words::subject(evidence)
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
