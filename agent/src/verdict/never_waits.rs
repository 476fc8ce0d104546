//! It does not wait at all, and nothing else explains that.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::evidence::{Evidence, Facts, Thread, block::On};

pub(super) const RULE: Rule = Rule {
    id: "never_waits",
    meaning: "No wait call of the parent was seen and nothing else explains that: it probably \
              starts children and never waits for them.",
    judge,
};

/// At most likely: nothing says that it will not wait yet. A guess where another thread that is
/// held up may be the one that reaps, or where a handler had its chance before it was watched.
fn confidence(evidence: &Evidence) -> Confidence {
    let listened_before = evidence.listens_for_deaths() && evidence.zombies.age_is_lower_bound;
    if other_blocked(evidence).is_some() || listened_before {
        Confidence::Guess
    } else {
        words::not_seen(evidence, Confidence::Likely)
    }
}

/// A thread other than the one that is looked at first, which waits for somebody else to act.
fn other_blocked(evidence: &Evidence) -> Option<&Thread> {
    let (first, _) = evidence.reaping_thread()?;
    let mut others = evidence.facts.iter().flat_map(Facts::living);
    others.find(|thread| {
        let block = thread.block.as_ref().filter(|_| thread.tid != first.tid);
        block.is_some_and(|block| block.is_hard() || block.on == On::PrivateFutex)
    })
}

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
    lines.extend(other_blocked(evidence).map(|thread| {
        let doing = waiting::doing(evidence, thread);
        format!("thread {} ({}) {doing}", thread.tid, thread.comm)
    }));
    let other = other_blocked(evidence).and_then(|thread| thread.block.as_ref());
    lines.extend(other.into_iter().flat_map(waiting::ends));
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
