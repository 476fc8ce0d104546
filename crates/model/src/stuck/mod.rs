//! Processes that do not finish dying: what is known of them, where they are held, and why.

pub mod evidence;
pub mod rules;
pub mod steps;
