//! The result of a rule.

pub use api::Confidence;

/// Why a process does not reap or does not die, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its stable id.
    pub id: &'static str,
    /// One sentence, without its full stop.
    pub summary: String,
    /// Facts, the most important first.
    pub evidence: Vec<String>,
    /// One sentence that is safe to follow.
    pub remedy: String,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Verdict {
    /// The verdict, for an answer that has some of the facts in other fields too.
    pub fn for_answer(self, is_repeated: impl Fn(&str) -> bool) -> api::Verdict {
        let facts = self.evidence.iter().enumerate();
        let repeats = facts.filter(|(_, fact)| is_repeated(fact));
        api::Verdict {
            id: self.id.into(),
            summary: self.summary,
            repeats: repeats.map(|(n, _)| n).collect(),
            evidence: self.evidence,
            remedy: self.remedy,
            confidence: self.confidence.into(),
        }
    }
}
