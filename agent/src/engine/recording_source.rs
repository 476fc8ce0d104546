//! Reads a recording, line by line.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use flate2::bufread::GzDecoder;

use model::recording::{Head, Line, Malformed, parse};

/// How a compressed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Maximum length of a line; a death takes some hundred bytes.
const LONGEST: u64 = 64 << 10;

/// The lines of a recording after its first.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: Input,
    number: u64,
    /// Lines that this version does not know.
    pub unknown: u64,
    /// The last line is incomplete.
    pub is_cut: bool,
}

/// The text of a recording.
struct Input(Box<dyn BufRead + Send>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

impl Input {
    /// Of a file that may be compressed.
    fn of(file: File) -> std::io::Result<Self> {
        let mut file = BufReader::new(file);
        let is_compressed = file.fill_buf()?.starts_with(&GZIP);
        Ok(Self(if is_compressed {
            Box::new(BufReader::new(GzDecoder::new(file)))
        } else {
            Box::new(file)
        }))
    }
}

/// Opens a recording and reads its first line.
///
/// # Errors
/// If the file cannot be read, is not a recording, or has another version; one sentence.
pub fn open(path: &Path) -> anyhow::Result<(Head, Lines)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut lines = Lines {
        path: path.to_owned(),
        file: Input::of(file).with_context(|| format!("cannot read {}", path.display()))?,
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
        let mut file = self.file.0.by_ref().take(LONGEST);
        match file.read_until(b'\n', &mut bytes) {
            Ok(_) => {}
            // The writer was killed, and so the last block is incomplete.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", self.path.display()));
            }
        }
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
