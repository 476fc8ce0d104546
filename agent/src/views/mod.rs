//! User interface: tables, JSON, the live screen. No view changes state.

mod column;
pub mod culprits;
pub mod doctor;
pub mod exits;
pub mod explain;
mod fleet;
mod habits;
pub mod json;
mod list;
mod look;
pub mod output;
mod pids;
pub mod record;
pub mod reference;
pub mod replay;
#[cfg(test)]
mod snapshot;
pub mod stuck;
mod table;
mod text;
pub mod top;
pub mod zombies;

pub use look::Look;
pub use text::wrap;

/// The result of a command; only `main` knows the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Success: nothing found, or no --fail.
    Fine,
    /// There were results, and `--fail` was given.
    Found,
    /// reapwatch cannot run on this host.
    CannotRun,
}

impl Outcome {
    /// Of a command that has found something or not, with or without `--fail`.
    fn of(found: bool, fail: bool) -> Self {
        if found && fail {
            Self::Found
        } else {
            Self::Fine
        }
    }
}
