//! A sleeping thread.

use model::culprit::evidence::block::{Block, On};

/// A thread, and the folder with its files.
#[derive(Debug)]
pub(super) struct At {
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) root: String,
    pub(super) wchan: Option<String>,
}

impl At {
    /// Whether the name of the function it sleeps in has one of these prefixes.
    pub(super) fn sleeps_in(&self, functions: &[&str]) -> bool {
        let wchan = self.wchan.as_deref().unwrap_or_default();
        functions.iter().any(|name| wchan.starts_with(name))
    }
}

/// What a process does with its end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// What the other end does.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// A wait without other ends.
pub(super) fn simple(on: On) -> Block {
    unsure(on, None)
}

/// A wait whose other ends are not known, for this reason.
pub(super) fn unsure(on: On, why: impl Into<Option<String>>) -> Block {
    Block {
        on,
        ends: Vec::new(),
        unknown: why.into(),
    }
}
