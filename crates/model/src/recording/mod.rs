//! Recordings: the input of the lifecycle as lines of text. Reading them again gives the same
//! transitions. The tests' traces use the same format.
//!
//! A line is a word and its `name=value` fields; `crates/model/tests/traces/README.md` describes them.
//! Within a version words and fields are only added: what a reader does not know it passes over.

mod found;
mod line;
mod read;
mod read_task;
mod write;

#[cfg(test)]
mod tests;

pub use found::found;
pub use line::{Counted, Head, Join, Judged, Line, VERSION};
pub use read::{Malformed, parse};
pub use write::{counted, drained, end, event, expire, head, judged, snapshot, wall};
