//! Recordings: what went into the lifecycle, as lines of text that give the same transitions when
//! they go in again. The tests' traces are written in the same words.
//!
//! A line is a word and its `name=value` fields; `agent/tests/traces/README.md` describes them.
//! Within a version words and fields are only added: what a reader does not know it passes over.

mod file;
mod line;
mod read;
mod source;
mod write;

#[cfg(test)]
mod tests;

pub use file::{Sink, create};
pub use line::{Counted, Head, Join, Judged, Line, VERSION, Verdict};
pub use read::{Malformed, parse};
pub use source::open;
pub use write::{counted, drained, end, event, expire, head, judged, snapshot, wall};
