//! Recordings: the input of the lifecycle as lines of text. Reading them again gives the same
//! transitions. The tests' traces use the same format.
//!
//! A line is a word and its `name=value` fields; `agent/tests/traces/README.md` describes them.
//! Within a version, words and fields are only added, and readers skip unknown ones.

mod file;
mod line;
mod read;
mod read_task;
mod source;
mod write;

#[cfg(test)]
mod tests;

pub use file::{Sink, create};
pub use line::{Counted, Head, Join, Judged, Line, VERSION, Verdict};
pub use read::{Malformed, parse};
pub use source::open;
pub use write::{counted, drained, end, event, expire, head, judged, snapshot, wall};
