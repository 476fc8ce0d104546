//! File systems of the kernel's own, where the host has not mounted them.

use std::io;

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Mounts one for the calling thread alone, which is to end soon: in a mount namespace that ends
/// with that thread, so that the host sees nothing of it.
///
/// # Errors
/// When the kernel refuses.
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
