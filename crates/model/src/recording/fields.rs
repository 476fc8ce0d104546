//! The fields of a line. Each kind of line has a form: a function that names its fields once, both
//! for writing and for reading.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::VERSION;
use super::word::{Ns, Word};

/// Why a line could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A word that this version does not know.
    #[error("unknown word {0:?}")]
    UnknownWord(String),
    /// A required field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An invalid value.
    #[error("{0}={1:?} is not valid")]
    Value(&'static str, String),
    /// Lines of another version.
    #[error("it has format version {0} and this program reads {VERSION}")]
    Version(u32),
}

/// The fields of a line about a `T`, while it is written or read.
pub(super) enum Fields<'a, T> {
    /// The text, and what is written.
    Write(&'a mut String, &'a T),
    /// The `name=value` of a line; a word alone is a flag.
    Read(&'a BTreeMap<&'a str, &'a str>),
}

impl<T> Fields<'_, T> {
    /// A field that each such line has.
    pub(super) fn must<W: Word>(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> W,
    ) -> Result<W, Malformed> {
        let word = self.maybe(name, |it| Some(get(it)))?;
        word.ok_or(Malformed::Missing(name))
    }

    /// A field that a line may omit.
    pub(super) fn maybe<W: Word>(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> Option<W>,
    ) -> Result<Option<W>, Malformed> {
        match self {
            Self::Write(text, value) => {
                let word = get(value);
                if let Some(word) = &word {
                    put(text, name, word);
                }
                Ok(word)
            }
            Self::Read(fields) => {
                let word = fields.get(name).map(|word| take(name, word));
                word.transpose()
            }
        }
    }

    /// A field that is always written. A trace of a test may omit it.
    pub(super) fn or<W: Word>(
        &mut self,
        name: &'static str,
        usual: W,
        get: impl FnOnce(&T) -> W,
    ) -> Result<W, Malformed> {
        let word = self.maybe(name, |it| Some(get(it)))?;
        Ok(word.unwrap_or(usual))
    }

    /// A field that is written unless it is 0 or empty.
    pub(super) fn unless_zero<W: Word + Default + PartialEq>(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> W,
    ) -> Result<W, Malformed> {
        let word = self.maybe(name, |it| Some(get(it)).filter(|it| *it != W::default()))?;
        Ok(word.unwrap_or_default())
    }

    pub(super) fn time(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> u64,
    ) -> Result<u64, Malformed> {
        self.must(name, |it| Ns(get(it))).map(|time| time.0)
    }

    pub(super) fn maybe_time(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<Option<u64>, Malformed> {
        let time = self.maybe(name, |it| get(it).map(Ns))?;
        Ok(time.map(|time| time.0))
    }

    pub(super) fn flag(&mut self, name: &str, get: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Write(text, value) => {
                let is_set = get(value);
                if is_set {
                    text.extend([" ", name]);
                }
                is_set
            }
            Self::Read(fields) => fields.contains_key(name),
        }
    }

    /// A list: `name0=…`, `name1=…`.
    pub(super) fn list<W: Word + Clone>(
        &mut self,
        name: &'static str,
        get: impl FnOnce(&T) -> &[W],
    ) -> Result<Vec<W>, Malformed> {
        match self {
            Self::Write(text, value) => {
                let words = get(value);
                for (n, word) in words.iter().enumerate() {
                    put(text, &format!("{name}{n}"), word);
                }
                Ok(words.to_vec())
            }
            Self::Read(fields) => {
                let words = (0..).map_while(|n| fields.get(format!("{name}{n}").as_str()));
                words.map(|word| take(name, word)).collect()
            }
        }
    }

    /// The fields of a part.
    pub(super) fn part<P>(&mut self, get: impl FnOnce(&T) -> &P) -> Fields<'_, P> {
        match self {
            Self::Write(text, value) => Fields::Write(text, get(value)),
            Self::Read(fields) => Fields::Read(fields),
        }
    }

    /// The fields of a part that a line may omit. It is there if this field is.
    pub(super) fn maybe_part<P, R>(
        &mut self,
        field: &str,
        get: impl FnOnce(&T) -> Option<&P>,
        form: fn(&mut Fields<'_, P>) -> Result<R, Malformed>,
    ) -> Result<Option<R>, Malformed> {
        match self {
            Self::Write(text, value) => {
                let part = get(value).map(|part| form(&mut Fields::Write(text, part)));
                part.transpose()
            }
            Self::Read(fields) if fields.contains_key(field) => {
                form(&mut Fields::Read(fields)).map(Some)
            }
            Self::Read(_) => Ok(None),
        }
    }
}

/// Appends a line that begins with this word.
pub(super) fn write<T, R>(
    text: &mut String,
    word: &str,
    value: &T,
    form: fn(&mut Fields<'_, T>) -> Result<R, Malformed>,
) {
    text.push_str(word);
    // Only what is read can lack a field.
    let _written = form(&mut Fields::Write(text, value));
    text.push('\n');
}

fn put(text: &mut String, name: &str, word: &impl Word) {
    // Writing to a string does not fail.
    let _ = write!(text, " {name}=");
    word.write(text);
}

fn take<W: Word>(name: &'static str, word: &str) -> Result<W, Malformed> {
    W::read(word).ok_or_else(|| Malformed::Value(name, word.to_owned()))
}
