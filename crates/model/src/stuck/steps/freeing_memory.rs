//! Frees its memory.

use super::step::Step;

/// Functions that do.
pub(super) const CALLS: [&str; 5] = ["exit_mmap", "exit_aio", "mmput", "__mmput", "exit_mm"];

/// The step.
pub const STEP: Step = Step::new("freeing_memory", "freeing its memory", |thread| {
    thread.exits_in(&CALLS) || thread.exits_unseen() && thread.sleeps_in("exit_aio")
});
