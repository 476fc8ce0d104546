//! Waits for io_uring requests that cannot be cancelled.

use super::step::Step;

const CANCEL: [&str; 3] = [
    "__io_uring_cancel",
    "io_uring_cancel_generic",
    "io_uring_files_cancel",
];

/// The step.
pub const STEP: Step = Step::new(
    "io_uring_cancel",
    "waiting for io_uring requests that cannot be cancelled",
    |thread| {
        // The submitter of the request waits for its worker at exit.
        !thread.exits() && thread.is_io_uring_worker() || thread.exits_in(&CANCEL)
    },
);
