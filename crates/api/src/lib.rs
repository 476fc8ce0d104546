//! JSON for people and scripts, and the only types that derive `Serialize`. Durations are in
//! seconds, times are RFC 3339 UTC, unknown values are `null`.

mod agent;
mod container;
mod culprits;
mod doctor;
mod document;
mod exits;
mod explain;
mod field;
pub mod fleet;
mod habits;
mod held;
mod names;
mod pids;
mod process;
mod query;
#[cfg(test)]
mod schema;
mod shared;
mod steps;
mod stuck;
mod time;
mod top;
mod verdict;
mod zombies;

pub use agent::*;
pub use container::*;
pub use culprits::*;
pub use doctor::*;
pub use document::*;
pub use exits::*;
pub use explain::*;
pub use field::Field;
pub use habits::*;
pub use held::*;
pub use names::*;
pub use pids::*;
pub use process::*;
pub use query::*;
pub use shared::Shared;
pub use steps::*;
pub use stuck::*;
pub use time::{Seconds, Time, in_two_units};
pub use top::*;
pub use verdict::*;
pub use zombies::*;

/// Appends a row as JSON: of answers with very many rows, written where the code is fast.
fn append(row: &impl serde::Serialize, to: &mut Vec<u8>) {
    // Writing to memory fails only for maps without names, and no row has one.
    let _ = serde_json::to_writer(to, row);
}
