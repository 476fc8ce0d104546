//! Reads what is known of processes that do not finish dying.

pub mod collect;
pub mod fuse;
pub mod people;
pub mod waiters;
