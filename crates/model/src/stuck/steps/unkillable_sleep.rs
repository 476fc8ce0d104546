//! SIGKILL is pending, but it sleeps in a call where no signal wakes it.

use super::step::Step;

/// The step.
pub const STEP: Step = Step {
    is_before_exit: true,
    sleeps: true,
    ..Step::new(
        "unkillable_sleep",
        "killed, but in a system call that no signal interrupts",
        |thread| {
            let in_call = !thread.exits() && !thread.exits_unseen() && !thread.is_io_uring_worker();
            in_call && thread.state == 'D' && thread.kill_pending
        },
    )
};
