//! Why a process does not die although it was killed, began to exit or was told to end, and what to
//! do: pure rules, one in each file, each for one step of the exit or for a signal that came to
//! nothing.

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

/// A rule: the step that it speaks of, the name of its verdict, and what it says of a thread.
struct Rule {
    step: Step,
    id: &'static str,
    /// What the verdict means, one sentence.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/verdicts.md is made from it by a test")
    )]
    meaning: &'static str,
    say: fn(&Stuck, &Thread) -> Said,
}

/// What a rule has to say; what is the same in all verdicts is added.
struct Said {
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

/// Each verdict on a process that does not die, and what it means.
#[cfg(test)]
pub(crate) fn meanings() -> impl Iterator<Item = (&'static str, &'static str)> {
    let steps = RULES.iter().map(|rule| (rule.id, rule.meaning));
    steps.chain([(term_ignored::ID, term_ignored::MEANING)])
}

/// The verdict on the thread that keeps all others, or on a signal that came to nothing; `None`
/// where no rule applies.
pub fn judge(stuck: &Stuck) -> Option<Verdict> {
    if let Some(ignored) = &stuck.ignored {
        return term_ignored::rule(stuck, ignored);
    }
    let facts = stuck.facts.as_ref()?;
    let thread = stuck.decisive()?;
    let rule = RULES.iter().find(|rule| rule.step == thread.step())?;
    let said = (rule.say)(stuck, thread);
    let mut evidence = vec![words::place(thread)];
    evidence.extend(said.facts);
    evidence.push(words::since(stuck));
    evidence.extend(words::others(facts, thread));
    if facts.is_unsearched {
        evidence.push(words::UNSEARCHED.to_owned());
    }
    let mut confidence = said.confidence;
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
        summary: said.summary,
        evidence,
        remedy: said.remedy,
        confidence,
    })
}

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
