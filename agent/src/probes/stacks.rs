//! Kernel stacks of all threads of exiting processes, from an iter/task program, if it loads.

use std::io::{self, Read};

use super::attach::{Attached, STACKS};
use super::report::ProbeReport;
use model::events::{Thread, decode_threads};

/// Its row in `doctor`.
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
        lost: refused.map(|_| {
            "how long a process that began exiting before the agent started has been \
                      stuck"
                .to_owned()
        }),
        refused: refused
            .map(|why| format!("iter:task: {why}"))
            .into_iter()
            .collect(),
    }
}

/// Reads the stacks; `None` if the kernel refused the program.
///
/// # Errors
/// If the iterator cannot be read.
pub(crate) fn take(kernel: &mut Attached) -> io::Result<Option<Vec<Thread>>> {
    if kernel.stacks_refused.is_some() {
        return Ok(None);
    }
    // The reader's own wait for a CPU calibrates when the others last ran.
    std::thread::sleep(std::time::Duration::from_micros(1));
    let mut bytes = Vec::new();
    kernel.open_iterator(STACKS)?.read_to_end(&mut bytes)?;
    decode_threads(&bytes).map(Some).map_err(io::Error::other)
}
