//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

/// An error in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where, in bytes of the text; empty at the end of it.
    pub at: Range<usize>,
    /// One sentence.
    pub what: String,
    /// What could stand there instead.
    pub known: Option<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.known {
            Some(known) => write!(f, "; known: {known}"),
            None => Ok(()),
        }
    }
}

impl Wrong {
    /// The sentence, and the filter with a caret below the place.
    pub fn pointed(&self, text: &str) -> String {
        let chars = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
        let before = " ".repeat(chars(0..self.at.start));
        let marks = "^".repeat(chars(self.at.clone()).max(1));
        // Line breaks would move the caret.
        let text = text.replace(|c: char| c.is_control(), " ");
        let known = self.known.iter().map(|known| format!("\nknown: {known}"));
        let known: String = known.collect();
        format!("{}\n    {text}\n    {before}{marks}{known}", self.what)
    }
}
