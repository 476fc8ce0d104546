//! Waits until another thread has dumped core.

use super::step::Step;
use crate::stuck::evidence::Thread;

/// The step, for all that are in no other.
pub const STEP: Step = Step::new(
    "waiting_for_core_dump",
    "waiting for another thread to dump core",
    idles,
);

/// 5.10 waits for the dump inside the inlined exit_mm, uninterruptibly; later ones idle.
pub(super) fn idles(thread: &Thread) -> bool {
    if thread.exits() {
        matches!(thread.state, 'I' | 'D')
    } else {
        thread.state == 'I' && thread.sleeps_in("do_exit") && !thread.exits_unseen()
    }
}
