//! What people see: tables, JSON, the live screen. No view changes anything.

pub mod culprits;
pub mod doctor;
pub mod exits;
pub mod explain;
mod fleet;
pub mod json;
mod look;
pub mod output;
mod pids;
pub mod record;
pub mod reference;
pub mod replay;
pub mod stuck;
mod table;
mod text;
pub mod top;
pub mod zombies;

pub use look::Look;

/// How a command ended; only `main` knows the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Looked, and found nothing wrong; or was not asked to fail on it.
    Fine,
    /// Found something, and `--fail` was given.
    Found,
    /// The main job cannot run on this host.
    CannotRun,
}
