//! What a scenario needs and this machine's kernel does not have.

use std::fmt::{self, Display, Formatter};

use nix::errno::Errno;

/// The error of a scenario that cannot be played here: no death, and no failure either. It is
/// made of what the kernel answered when it was asked, never of the kernel's version.
#[derive(Debug)]
pub struct Lacking(String);

impl Lacking {
    /// `what` is missing, as the kernel said by `errno`.
    pub fn new(what: &str, errno: Errno) -> Self {
        Self(format!("{what} ({errno:?})"))
    }
}

impl Display for Lacking {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}
