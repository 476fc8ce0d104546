//! Reads what is known of processes that hold zombies.

pub mod cgroup;
pub mod collect;
pub mod freezing;
pub mod numbers;
