//! Exiting, in an unknown step.

use super::{step::Step, waiting_for_dump};

/// The step.
pub const STEP: Step = Step::new("exiting", "exiting, exact step unknown", |thread| {
    if waiting_for_dump::idles(thread) {
        return false;
    }
    let unseen = thread.stack.is_empty() && !thread.kill_pending;
    thread.exits() || thread.exits_unseen() || unseen
});
