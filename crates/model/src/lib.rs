//! How processes die, as data: events from the kernel side, the state they lead to, and verdicts.
//!
//! Everything here is pure: no clock, no I/O, no format. Time is an argument, so that a recording
//! replays to the same answers.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "tests read recorded traces and write documents"
    )
)]

pub mod answers;
pub mod clock;
pub mod counts;
pub mod culprit;
pub mod events;
pub mod explain;
pub mod filter;
pub mod lifecycle;
mod packing;
pub mod parents;
pub mod pids;
pub mod recording;
pub mod signals;
pub mod state;
pub mod stuck;
mod thaw;
pub mod verdict;
mod words;
pub mod workload;
