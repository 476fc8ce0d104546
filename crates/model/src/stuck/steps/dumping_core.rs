//! Writes the core dump, before its exit.

use super::step::Step;

/// The step.
pub const STEP: Step = Step::new("dumping_core", "dumping core", |thread| {
    thread.has_frame(&["do_coredump", "vfs_coredump"])
});
