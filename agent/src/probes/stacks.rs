//! The kernel stacks of all threads of dying processes, from the iter/task program that writes
//! them, where it loads.

use std::io::{self, Read};

use super::attach::{Attached, ProbeReport, STACKS};
use model::events::{Thread, decode_threads};

/// What is said of it by `doctor`.
pub(crate) fn report(kernel: &Attached) -> ProbeReport {
    let refused = kernel.stacks_refused.as_deref();
    ProbeReport {
        probe: "stacks",
        hook: Some(
            if refused.is_none() {
                "iter:task"
            } else {
                "procfs"
            }
            .to_owned(),
        ),
        required: false,
        lost: refused
            .map(|_| "since when a process that was dying before the agent is stuck".to_owned()),
        refused: refused
            .map(|why| format!("iter:task: {why}"))
            .into_iter()
            .collect(),
    }
}

/// Looks at all threads; `None` where the kernel refused the program.
///
/// # Errors
/// When the iterator cannot be read.
pub(crate) fn take(kernel: &mut Attached) -> io::Result<Option<Vec<Thread>>> {
    if kernel.stacks_refused.is_some() {
        return Ok(None);
    }
    // The reader's own turn on a CPU is the yardstick for when the others had theirs.
    std::thread::sleep(std::time::Duration::from_micros(1));
    let mut bytes = Vec::new();
    kernel.open_iterator(STACKS)?.read_to_end(&mut bytes)?;
    decode_threads(&bytes).map(Some).map_err(io::Error::other)
}
