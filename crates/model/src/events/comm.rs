//! The name of a process.

use std::borrow::Cow;
use std::fmt;

/// The kernel's `comm`: at most 15 bytes, which the process itself chooses.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comm([u8; wire::COMM_LEN]);

impl Comm {
    /// These bytes up to the first NUL, as many as fit.
    pub const fn new(bytes: &[u8]) -> Self {
        let mut comm = [0; wire::COMM_LEN];
        let mut at = 0;
        while at < bytes.len() && at < comm.len() && bytes[at] != 0 {
            comm[at] = bytes[at];
            at += 1;
        }
        Self(comm)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0);
        &self.0[..end.unwrap_or(self.0.len())]
    }

    /// The name as it may be shown: any process may have any name, so what could move a terminal's
    /// cursor is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        let text = String::from_utf8_lossy(self.bytes());
        if text.contains(char::is_control) {
            text.replace(char::is_control, "\u{fffd}").into()
        } else {
            text
        }
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

impl From<&str> for Comm {
    fn from(name: &str) -> Self {
        Self::new(name.as_bytes())
    }
}

impl PartialEq<str> for Comm {
    fn eq(&self, other: &str) -> bool {
        self.text() == other
    }
}

impl PartialEq<&str> for Comm {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}
