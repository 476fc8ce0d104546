//! Processes that hold zombies: what is known of them, and why they do not reap.

pub mod evidence;
pub mod judgements;
mod notes;
pub mod place;
pub mod rules;
