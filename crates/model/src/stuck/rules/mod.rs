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

use crate::stuck::evidence::{Stuck, Thread, ignored::Ignored};
use crate::stuck::steps::Step;
use crate::verdict::{Confidence, Verdict};

/// A rule and the verdict that it makes.
struct Rule {
    id: &'static str,
    /// What the verdict means, one sentence.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/verdicts.md is made from it by a test")
    )]
    meaning: &'static str,
    judge: Judge,
}

/// What a rule judges.
enum Judge {
    /// A thread in this step of its exit.
    Step(&'static Step, fn(&Stuck, &Thread) -> Finding),
    /// A signal that had no effect.
    Signal(fn(&Stuck, &Ignored) -> Option<Verdict>),
}

/// The part of a verdict that the rule of a step makes; `verdict` adds what all of them share.
struct Finding {
    /// The sentence that begins with the name of the process, without name and full stop.
    does: String,
    /// Facts of this step.
    facts: Vec<String>,
    /// One sentence that is safe to follow.
    remedy: String,
    /// How sure it is.
    confidence: Confidence,
}

/// All rules. At most one applies: a process has one decisive thread, or none if it is not exiting.
const RULES: [Rule; 10] = [
    killed_while_frozen::RULE,
    dumping_core::RULE,
    ptrace::RULE,
    unkillable::RULE,
    io_uring::RULE,
    in_driver::RULE,
    closing_files::RULE,
    freeing_memory::RULE,
    namespace::RULE,
    term_ignored::RULE,
];

/// The id of each verdict on a stuck process.
pub fn ids() -> impl Iterator<Item = &'static str> + Clone {
    RULES.iter().map(|rule| rule.id)
}

/// The id and meaning of each verdict on a stuck process.
#[cfg(test)]
pub(crate) fn meanings() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().map(|rule| (rule.id, rule.meaning))
}

/// The verdict on the thread that blocks the exit, or on a signal that had no effect; `None` if no
/// rule applies.
pub fn judge(stuck: &Stuck) -> Option<Verdict> {
    RULES.iter().find_map(|rule| match rule.judge {
        Judge::Signal(judge) => judge(stuck, stuck.ignored.as_ref()?),
        Judge::Step(step, judge) => {
            let thread = stuck.decisive().filter(|thread| thread.step() == step)?;
            verdict(rule.id, judge(stuck, thread), stuck, thread)
        }
    })
}

/// The same, for an answer. The stacks of its threads, and when and by which process it was killed,
/// are fields of a stuck exit too.
pub fn answer(stuck: &Stuck) -> Option<api::Verdict> {
    let threads = stuck.facts.iter().flat_map(|facts| &facts.threads);
    let stacks = threads.filter(|thread| !thread.stack.is_empty());
    let mut repeated: Vec<_> = stacks.map(words::thread_state).collect();
    repeated.push(words::duration(stuck));
    let verdict = judge(stuck)?;
    Some(verdict.for_answer(|fact| repeated.iter().any(|it| it == fact)))
}

fn verdict(id: &'static str, finding: Finding, stuck: &Stuck, thread: &Thread) -> Option<Verdict> {
    let facts = stuck.facts.as_ref()?;
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
        id,
        summary: format!("{} {}", words::subject(stuck), finding.does),
        evidence,
        remedy: finding.remedy,
        confidence,
    })
}

impl Rule {
    /// The rule of a step; its verdict has the name of the step.
    const fn at(
        step: &'static Step,
        meaning: &'static str,
        judge: fn(&Stuck, &Thread) -> Finding,
    ) -> Self {
        Self {
            id: step.name,
            meaning,
            judge: Judge::Step(step, judge),
        }
    }
}

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
