//! tracefs, without which a classic tracepoint has no number. Where the host has not mounted it,
//! it is mounted for one thread alone, in a mount namespace that ends with that thread: the host
//! sees nothing of it.

use std::{io, path::Path, thread};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};

const TRACEFS: &str = "/sys/kernel/tracing";
const TRACEFS_OF_OLD: &str = "/sys/kernel/debug/tracing";

/// Whether the host has it mounted where the loader looks.
pub(crate) fn is_mounted() -> bool {
    [TRACEFS, TRACEFS_OF_OLD]
        .iter()
        .any(|path| Path::new(path).join("events").is_dir())
}

/// Runs `work` where tracefs can be read, if that can be had; else where we are.
pub(crate) fn with_tracefs<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if is_mounted() {
        return work();
    }
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(error) = mount_privately() {
                log::debug!("tracefs is not mounted and cannot be: {error}");
            }
            work()
        });
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn mount_privately() -> io::Result<()> {
    // SAFETY: only this thread leaves the common mount namespace, and with it the common working
    // directory, which nothing in it uses.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tracefs", TRACEFS, "tracefs", flags, None)?;
    Ok(())
}
