//! Why a process does not exit although it was killed, began to exit or got a terminating signal,
//! and what to do: pure rules, one per file, each for one step of the exit or for a signal that had
//! no effect.

mod closing_files;
mod dumping_core;
mod freeing_memory;
mod hold;
mod in_driver;
mod io_uring;
mod killed_while_frozen;
mod namespace;
mod ptrace;
mod term_ignored;
mod unkillable;
mod waits;
pub(crate) mod words;

use crate::culprit::rules::{Confidence, Verdict};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::Step;

/// A rule: the step that it explains, the id of its verdict, and its judgement of a thread.
struct Rule {
    step: Step,
    id: &'static str,
    /// What the verdict means, one sentence.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/verdicts.md is made from it by a test")
    )]
    meaning: &'static str,
    judge: fn(&Stuck, &Thread) -> Finding,
}

/// The part of a verdict that a rule makes; `judge` adds what all verdicts share.
struct Finding {
    /// One sentence, without its full stop.
    summary: String,
    /// Facts of this step.
    facts: Vec<String>,
    /// One sentence that is safe to follow.
    remedy: String,
    /// How sure it is.
    confidence: Confidence,
}

/// All rules. The order of causes is that of [`Step`]: the decisive thread is in the first.
const RULES: [Rule; 9] = [
    killed_while_frozen::RULE,
    dumping_core::RULE,
    ptrace::RULE,
    unkillable::RULE,
    io_uring::RULE,
    in_driver::RULE,
    closing_files::RULE,
    freeing_memory::RULE,
    namespace::RULE,
];

/// The id and meaning of each verdict on a stuck process.
#[cfg(test)]
pub(crate) fn meanings() -> impl Iterator<Item = (&'static str, &'static str)> {
    let steps = RULES.iter().map(|rule| (rule.id, rule.meaning));
    steps.chain([(term_ignored::ID, term_ignored::MEANING)])
}

/// The verdict on the thread that blocks the exit, or on a signal that had no effect; `None` if no
/// rule applies.
pub fn judge(stuck: &Stuck) -> Option<Verdict> {
    if let Some(ignored) = &stuck.ignored {
        return term_ignored::rule(stuck, ignored);
    }
    let facts = stuck.facts.as_ref()?;
    let thread = stuck.decisive()?;
    let rule = RULES.iter().find(|rule| rule.step == thread.step())?;
    let finding = (rule.judge)(stuck, thread);
    let mut evidence = vec![words::thread_state(thread)];
    evidence.extend(finding.facts);
    evidence.push(words::duration(stuck));
    evidence.extend(words::other_threads(facts, thread));
    if facts.is_unsearched {
        evidence.push(words::UNSEARCHED.to_owned());
    }
    let mut confidence = finding.confidence;
    if thread.stack.is_empty() {
        evidence.push(words::unreadable(facts, thread));
        confidence = confidence.min(Confidence::Likely);
    }
    if let Some(contradiction) = words::contradiction(facts, thread) {
        evidence.push(format!("but {contradiction}"));
        confidence = confidence.min(Confidence::Guess);
    }
    Some(Verdict {
        id: rule.id,
        summary: finding.summary,
        evidence,
        remedy: finding.remedy,
        confidence,
    })
}

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
