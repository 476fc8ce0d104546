//! Closes its files.

use super::step::Step;

/// Functions that do.
pub(super) const CALLS: [&str; 7] = [
    "put_files_struct",
    "exit_files",
    "filp_close",
    "filp_flush",
    "__fput",
    "____fput",
    "task_work_run",
];

/// The step.
pub const STEP: Step = Step::new("closing_files", "closing its files", |thread| {
    // Without a stack, a thread that waits for a file server is taken to be closing files.
    let waits = || thread.waits_for_fuse() || thread.waits_for_network();
    thread.exits_in(&CALLS) || thread.exits_unseen() && waits()
});
