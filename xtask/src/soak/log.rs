//! What the agent logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A file, removed on drop.
pub(super) struct Log {
    folder: TempDir,
    filter: &'static str,
}

impl Log {
    /// Takes what passes this filter of `RUST_LOG`.
    pub(super) fn new(filter: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        Ok(Self { folder, filter })
    }

    /// What runs a command that logs here, after this line of the shell.
    pub(super) fn under(&self, enter: &str) -> Vec<String> {
        let (filter, file) = (self.filter, self.file());
        let line = format!(
            "{enter} && export RUST_LOG={filter} && exec \"$@\" 2>> {}",
            file.display()
        );
        ["sh", "-c", &line, "sh"].map(str::to_owned).into()
    }

    /// The lines without their times, and how often each was logged.
    pub(super) fn lines(&self) -> Result<BTreeMap<String, usize>> {
        let mut lines = BTreeMap::new();
        for line in self.text()?.lines() {
            let said = line.split_once(' ').map_or(line, |(_, said)| said);
            *lines.entry(said.to_owned()).or_default() += 1;
        }
        Ok(lines)
    }

    /// How many lines contain this.
    pub(super) fn count(&self, text: &str) -> Result<usize> {
        let lines = self.lines()?.into_iter();
        let these = lines.filter(|(line, _)| line.contains(text));
        Ok(these.map(|(_, times)| times).sum())
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> Result<usize> {
        Ok(self.text()?.len())
    }

    /// All of it.
    pub(super) fn text(&self) -> Result<String> {
        let file = self.file();
        fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}
