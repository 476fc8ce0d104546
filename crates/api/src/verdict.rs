//! Verdicts.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Confidence, OrOther};

/// The stable id of a verdict, or of a step of an exit. The ids are those of the model's lists, and of
/// other versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Id(pub Cow<'static, str>);

impl From<&'static str> for Id {
    fn from(id: &'static str) -> Self {
        Self(id.into())
    }
}

impl PartialEq<&str> for Id {
    fn eq(&self, id: &&str) -> bool {
        self.0 == *id
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a process does not reap or does not die, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// The id of its rule.
    pub id: Id,
    /// One sentence.
    pub summary: String,
    /// The evidence, one fact per line.
    pub evidence: Vec<String>,
    /// Indexes of those facts that a culprit or a stuck exit also has as fields of its own, such as
    /// the number of zombies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<usize>,
    /// What to do, in one sentence.
    pub remedy: String,
    /// How sure it is.
    pub confidence: OrOther<Confidence>,
}

impl Verdict {
    /// The facts that are found nowhere else in a culprit or a stuck exit.
    pub fn new_facts(&self) -> impl Iterator<Item = &str> {
        let facts = self.evidence.iter().enumerate();
        let is_new = |(n, _): &(usize, _)| !self.repeats.contains(n);
        facts.filter(is_new).map(|(_, fact)| fact.as_str())
    }
}
