//! Killed, but has not begun to exit.

use super::{step::Step, waiting_for_dump};

/// The step.
pub const STEP: Step = Step {
    is_before_exit: true,
    ..Step::new(
        "not_begun",
        "killed, but has not started to exit",
        |thread| !waiting_for_dump::idles(thread),
    )
};
