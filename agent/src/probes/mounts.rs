//! Kernel file systems that the host has not mounted.

use std::io;

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Mounts one for the calling thread only, which should end soon, in a mount namespace that ends
/// with the thread. The host does not see it.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn mount_for_this_thread(kind: &str, at: &str) -> io::Result<()> {
    // SAFETY: only this thread leaves the common mount namespace, and with it the common working
    // directory, which no such thread uses.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(kind, at, kind, flags, None)?;
    Ok(())
}
