//! Reads what is known of processes that do not finish dying.

pub mod collect;
pub mod waiters;
