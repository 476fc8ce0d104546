//! tracefs, which has the ids of classic tracepoints. If the host has not mounted it, it is mounted
//! for one thread only.

use std::{path::Path, thread};

use super::mounts::mount_for_this_thread;

const TRACEFS: &str = "/sys/kernel/tracing";
const TRACEFS_OF_OLD: &str = "/sys/kernel/debug/tracing";

/// Whether the host has mounted it where the loader expects it.
pub(crate) fn is_mounted() -> bool {
    [TRACEFS, TRACEFS_OF_OLD]
        .iter()
        .any(|path| Path::new(path).join("events").is_dir())
}

/// Whether it can be read without that.
pub(crate) fn is_readable() -> bool {
    with_tracefs(is_mounted)
}

/// Runs `work` where tracefs can be read, if possible; otherwise on this thread.
pub(crate) fn with_tracefs<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if is_mounted() {
        return work();
    }
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(error) = mount_for_this_thread("tracefs", TRACEFS) {
                log::debug!("tracefs is not mounted, and mounting it privately failed: {error}");
            }
            work()
        });
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
