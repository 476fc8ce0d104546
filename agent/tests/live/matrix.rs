//! True and reported verdicts, in lines that `cargo xtask verdicts` reads.

use std::collections::BTreeSet;

/// What is reported of some scenarios in one surrounding.
#[derive(Debug)]
pub(crate) struct Matrix {
    surrounding: &'static str,
    wrong: BTreeSet<String>,
}

impl Matrix {
    /// Empty; `surrounding` is one word, such as `alone`.
    pub(crate) fn new(surrounding: &'static str) -> Self {
        Self {
            surrounding,
            wrong: BTreeSet::new(),
        }
    }

    /// Prints the ids of all verdicts.
    pub(crate) fn ids(ids: impl IntoIterator<Item = impl AsRef<str>>) {
        for id in ids {
            println!("\nRW-VERDICT-ID {}", id.as_ref());
        }
    }

    /// Notes a scenario with the verdict that is true of it and the one that was given.
    pub(crate) fn note(&mut self, scenario: &str, truth: &str, reported: &str) {
        println!(
            "\nRW-VERDICT {} {scenario} {truth} {reported}",
            self.surrounding
        );
        if reported != truth {
            let line = format!("{scenario}: {truth} is true, {reported} was reported");
            self.wrong.insert(line);
        }
    }

    /// Panics if any was wrong.
    #[track_caller]
    pub(crate) fn end(self) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
    }
}
