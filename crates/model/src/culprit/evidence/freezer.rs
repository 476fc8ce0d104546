//! What freezes a process.

use std::path::PathBuf;

/// A freezer that applies to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freezer {
    /// The cgroup whose own setting freezes it, itself or one above.
    pub cgroup: PathBuf,
    /// The command that thaws it.
    pub thaw: String,
}

/// The other processes of a frozen cgroup and of those below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    /// How many.
    pub others: u64,
    /// Whether there may be more.
    pub is_lower_bound: bool,
    /// A few of them.
    pub some: Vec<(u32, String)>,
}
