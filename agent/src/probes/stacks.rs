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

/// What reads the stacks, on any thread; it finds no threads if the kernel refused the program.
///
/// # Errors
/// If the iterator cannot be read.
pub(crate) fn prepare(
    kernel: &mut Attached,
) -> io::Result<impl FnOnce() -> io::Result<Vec<Thread>> + Send + use<>> {
    let is_refused = kernel.stacks_refused.is_some();
    let iterator = (!is_refused).then(|| kernel.open_iterator(STACKS));
    let iterator = iterator.transpose()?;
    Ok(move || {
        let mut bytes = Vec::new();
        if let Some(mut iterator) = iterator {
            // The reader's own wait for a CPU calibrates when the others last ran.
            std::thread::sleep(std::time::Duration::from_micros(1));
            iterator.read_to_end(&mut bytes)?;
        }
        decode_threads(&bytes).map_err(io::Error::other)
    })
}
