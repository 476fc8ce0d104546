//! Why a process does not reap, and what to do: pure rules, one per file. Each turns evidence into a
//! [`Verdict`], or `None` if it does not apply.
//!
//! The order of [`RULES`] is the order of causes: the habits of a process that cannot run do not
//! matter, and a zombie that no plain wait can see is no evidence against a parent that waits.

mod coalesced;
mod forked_before_exec;
mod frozen;
mod init;
mod just_died;
mod never_waits;
mod peeked;
mod pidns;
mod remedy;
mod sigchld_blocked;
mod starved;
mod stopped;
mod subreaper;
mod tracer;
mod uninterruptible;
mod wait_blocked;
mod waiting;
mod waits_for_others;
mod wclone;
mod words;

use crate::culprit::evidence::{Block, Evidence};
use crate::verdict::{Confidence, Verdict};

/// A rule and the verdict that it makes.
#[derive(Clone, Copy)]
struct Rule {
    /// The stable name of its verdict.
    id: &'static str,
    /// What the verdict means, one sentence.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/verdicts.md is made from it by a test")
    )]
    meaning: &'static str,
    /// The verdict, if the rule applies.
    judge: fn(&Evidence) -> Option<Verdict>,
}

/// All rules, in order: the first that applies decides.
const RULES: [Rule; 18] = [
    just_died::RULE,
    tracer::RULE,
    frozen::RULE,
    stopped::RULE,
    starved::RULE,
    uninterruptible::RULE,
    pidns::RULE,
    wclone::RULE,
    forked_before_exec::RULE,
    sigchld_blocked::RULE,
    peeked::RULE,
    wait_blocked::RULE,
    init::RULE,
    subreaper::RULE,
    waits_for_others::RULE,
    coalesced::RULE,
    wait_blocked::IDLE,
    never_waits::RULE,
];

/// The verdict on a zombie that is too young to be judged.
pub const JUST_DIED: &str = just_died::RULE.id;

/// The label value of a culprit that no rule explains.
pub const UNEXPLAINED: &str = "unexplained";

/// The name of each verdict on a culprit.
pub fn ids() -> impl Iterator<Item = &'static str> + Clone {
    let rules = RULES.iter().enumerate();
    let first = |(place, rule): &(usize, &Rule)| {
        RULES.iter().position(|other| other.id == rule.id) == Some(*place)
    };
    rules.filter(first).map(|(_, rule)| rule.id)
}

/// The verdict of the first rule that applies. A contradiction in the evidence is reported, and no
/// verdict is certain then.
pub fn judge(evidence: &Evidence) -> Option<Verdict> {
    let mut verdict = RULES.iter().find_map(|rule| (rule.judge)(evidence))?;
    if verdict.id == just_died::RULE.id {
        return Some(verdict);
    }
    if verdict.id != pidns::RULE.id {
        verdict.evidence.extend(pidns::held(evidence));
    }
    if let Some(contradiction) = evidence.contradiction() {
        verdict.evidence.push(format!("but {contradiction}"));
        verdict.confidence = verdict.confidence.min(Confidence::Likely);
    }
    if let Some(facts) = &evidence.facts {
        let unreadable = facts.unreadable.iter();
        verdict
            .evidence
            .extend(unreadable.map(|what| format!("not readable: {what}")));
    } else {
        verdict
            .evidence
            .push("its state in /proc could not be read in time".to_owned());
        verdict.confidence = verdict.confidence.min(Confidence::Likely);
    }
    Some(verdict)
}

/// The same, for an answer: the zombies that it holds are a field of the culprit too.
pub fn answer(evidence: &Evidence) -> Option<api::Verdict> {
    let held = words::holds(evidence);
    Some(judge(evidence)?.for_answer(|fact| fact == held))
}

/// Updates the fact about its zombies in a verdict from an earlier time, so that an answer does not
/// show two counts.
pub fn recount(verdict: &mut api::Verdict, count: u64, oldest_ns: u64, is_lower_bound: bool) {
    for n in &verdict.repeats {
        if let Some(fact) = verdict.evidence.get_mut(*n) {
            *fact = words::held(count, oldest_ns, is_lower_bound);
        }
    }
}

/// The verdict on its habits: that of the rules after the one on PID namespaces.
fn by_habits(evidence: &Evidence) -> Option<Verdict> {
    rules_after(pidns::RULE.id, evidence)
}

/// The verdict of the first rule after that one.
fn rules_after(id: &str, evidence: &Evidence) -> Option<Verdict> {
    let rules = RULES.iter().skip_while(|rule| rule.id != id);
    rules.skip(1).find_map(|rule| (rule.judge)(evidence))
}

/// What the thread that should reap waits for.
fn waits_of(evidence: &Evidence) -> Option<&Block> {
    let (thread, _) = evidence.reaping_thread()?;
    thread.block.as_ref()
}

pub use just_died::of_zombie as just_died;

#[cfg(test)]
mod document;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
