//! What was true and what was said, a line each that `cargo xtask verdicts` reads.

use std::collections::BTreeSet;

/// What is said of some scenarios in one surrounding.
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

    /// Tells which verdicts there are.
    pub(crate) fn ids(ids: impl IntoIterator<Item = impl AsRef<str>>) {
        for id in ids {
            println!("\nRW-VERDICT-ID {}", id.as_ref());
        }
    }

    /// Notes a scenario with the verdict that is true of it and the one that was given.
    pub(crate) fn note(&mut self, scenario: &str, truth: &str, said: &str) {
        println!(
            "\nRW-VERDICT {} {scenario} {truth} {said}",
            self.surrounding
        );
        if said != truth {
            let line = format!("{scenario}: {truth} is true, {said} was said");
            self.wrong.insert(line);
        }
    }

    /// Panics if any was wrong.
    #[track_caller]
    pub(crate) fn end(self) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
    }
}
