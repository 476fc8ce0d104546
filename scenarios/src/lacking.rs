//! What a scenario needs and this machine does not have.

use std::fmt::{self, Display, Formatter};

use nix::errno::Errno;

/// The error of a scenario that cannot run here, which is not a failure. If the kernel lacks
/// something, the error is made from its answer, never from its version.
#[derive(Debug)]
pub struct Lacking(String);

impl Lacking {
    /// `what` is missing, as the kernel reported with `errno`.
    pub fn new(what: &str, errno: Errno) -> Self {
        Self(format!("{what} ({errno:?})"))
    }

    /// `what` is missing, and the kernel need not be asked.
    pub fn because(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl Display for Lacking {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}
