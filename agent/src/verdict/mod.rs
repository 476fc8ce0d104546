//! Why a process does not reap, and what to do: pure rules, one in each file. Evidence goes in, a
//! [`Verdict`] comes out, or nothing where the rule does not apply.
//!
//! The order of [`RULES`] is the order of causes: whoever cannot run need not be asked about its
//! habits, and a zombie that no plain wait can see says nothing about a parent that waits.

mod coalesced;
mod frozen;
mod init;
mod just_died;
mod never_waits;
mod peeked;
mod pidns;
mod sigchld_blocked;
mod starved;
mod stopped;
pub mod stuck;
mod subreaper;
mod tracer;
mod uninterruptible;
mod wait_blocked;
mod waits_for_others;
mod wclone;
mod words;

use crate::evidence::Evidence;

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It fits, and so would others.
    Guess,
    /// What is missing or in doubt would have to be odd for it to be wrong.
    Likely,
    /// The kernel leaves no other way.
    Certain,
}

/// Why somebody does not reap, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its stable name.
    pub id: &'static str,
    /// One sentence, without its full stop.
    pub summary: String,
    /// Facts, the most telling first.
    pub evidence: Vec<String>,
    /// One sentence that is safe to follow.
    pub remedy: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A rule and the verdict it may find.
type Rule = (&'static str, fn(&Evidence) -> Option<Verdict>);

/// All rules; the first that applies decides.
const RULES: [Rule; 16] = [
    (just_died::ID, just_died::rule),
    (tracer::ID, tracer::rule),
    (frozen::ID, frozen::rule),
    (stopped::ID, stopped::rule),
    (starved::ID, starved::rule),
    (uninterruptible::ID, uninterruptible::rule),
    (pidns::ID, pidns::rule),
    (wclone::ID, wclone::rule),
    (sigchld_blocked::ID, sigchld_blocked::rule),
    (peeked::ID, peeked::rule),
    (init::ID, init::rule),
    (subreaper::ID, subreaper::rule),
    (waits_for_others::ID, waits_for_others::rule),
    (coalesced::ID, coalesced::rule),
    (wait_blocked::ID, wait_blocked::rule),
    (never_waits::ID, never_waits::rule),
];

/// What a metric calls a culprit that no rule explains.
pub const UNEXPLAINED: &str = "unexplained";

/// The name of each verdict on a culprit.
pub fn ids() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(id, _)| *id)
}

/// The verdict of the first rule that applies. Evidence that contradicts itself is said and makes
/// no verdict certain.
pub fn judge(evidence: &Evidence) -> Option<Verdict> {
    let mut verdict = RULES.iter().find_map(|(_, rule)| rule(evidence))?;
    if verdict.id == just_died::ID {
        return Some(verdict);
    }
    if let Some(contradiction) = evidence.contradiction() {
        verdict.evidence.push(format!("but {contradiction}"));
        verdict.confidence = verdict.confidence.min(Confidence::Likely);
    }
    if evidence.facts.is_none() {
        verdict
            .evidence
            .push("its state in /proc could not be read in time".to_owned());
        verdict.confidence = verdict.confidence.min(Confidence::Likely);
    }
    Some(verdict)
}

/// What its habits say of one that could reap: the rules after that on PID namespaces.
fn by_habits(evidence: &Evidence) -> Option<Verdict> {
    let rules = RULES.iter().skip_while(|(id, _)| *id != pidns::ID);
    rules.skip(1).find_map(|(_, rule)| rule(evidence))
}

pub use just_died::of_zombie as just_died;
pub use words::{count, span};

impl Confidence {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
