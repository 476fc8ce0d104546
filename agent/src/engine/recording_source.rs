//! Reads a recording, line by line.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use model::recording::{Head, Line, Malformed, parse};

/// Maximum length of a line; a death takes some hundred bytes.
const LONGEST: u64 = 64 << 10;

/// The lines of a recording after its first.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: u64,
    /// Lines that this version does not know.
    pub unknown: u64,
    /// The last line is incomplete.
    pub is_cut: bool,
}

/// Opens a recording and reads its first line.
///
/// # Errors
/// If the file cannot be read, is not a recording, or has another version; one sentence.
pub fn open(path: &Path) -> anyhow::Result<(Head, Lines)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut lines = Lines {
        path: path.to_owned(),
        file: BufReader::new(file),
        number: 0,
        unknown: 0,
        is_cut: false,
    };
    let first = lines.text().unwrap_or_default();
    match first.as_deref().map(parse) {
        Some(Ok(Some(Line::Head(head)))) => Ok((head, lines)),
        Some(Err(error @ Malformed::Version(_))) => bail!(
            "{} is from another release of reapwatch: {error}",
            path.display()
        ),
        _ => bail!(
            "{} is not a recording: `reapwatch record FILE` makes one",
            path.display()
        ),
    }
}

impl Lines {
    /// The content of the next line; `None` after the last.
    ///
    /// # Errors
    /// If it is damaged; one sentence with the line number.
    pub fn next(&mut self) -> anyhow::Result<Option<Line>> {
        while let Some(text) = self.text()? {
            match parse(&text) {
                Ok(Some(line)) => return Ok(Some(line)),
                Ok(None) => {}
                // The writer was stopped in the middle.
                Err(_) if self.is_cut => return Ok(None),
                Err(Malformed::UnknownWord(_)) => self.unknown += 1,
                Err(error) => bail!("{} is damaged: {error}", self.place()),
            }
        }
        Ok(None)
    }

    fn text(&mut self) -> anyhow::Result<Option<String>> {
        let mut bytes = Vec::new();
        let mut file = self.file.by_ref().take(LONGEST);
        file.read_until(b'\n', &mut bytes)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if bytes.len() as u64 == LONGEST {
            bail!("{} is damaged: it is too long", self.place());
        }
        self.is_cut = bytes.last() != Some(&b'\n');
        let Ok(text) = String::from_utf8(bytes) else {
            bail!("{} is damaged: not text", self.place());
        };
        Ok(Some(text))
    }

    fn place(&self) -> String {
        format!("{}, line {}", self.path.display(), self.number)
    }
}
