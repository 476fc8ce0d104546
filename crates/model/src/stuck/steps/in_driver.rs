//! Waits for the release function of a driver.

use super::{closing_files, freeing_memory, step::Step};
use crate::stuck::evidence::Thread;

/// Modules that are file systems, not drivers: their frames only show that a file is being closed.
const FILE_SYSTEMS: [&str; 16] = [
    "fuse", "nfs", "nfsv3", "nfsv4", "sunrpc", "cifs", "ceph", "libceph", "9p", "overlay", "ext4",
    "jbd2", "xfs", "btrfs", "f2fs", "gfs2",
];

/// Drivers that are no modules, by the release function of their devices.
const BUILT_IN: [(&str, &str); 1] = [("tty_release", "tty")];

/// The step.
pub const STEP: Step = Step::new("in_driver", "closing a device", |thread| {
    // A system call may close files and free memory too; only inside the exit it is this.
    let frees = thread.exits_in(&closing_files::CALLS) || thread.exits_in(&freeing_memory::CALLS);
    frees && driver(thread).is_some()
});

/// The driver that a thread is in: the module of the innermost frame that has one, unless it is a
/// file system, else a built-in driver.
pub fn driver(thread: &Thread) -> Option<&str> {
    let mut modules = thread
        .stack
        .iter()
        .filter_map(|frame| frame.module.as_deref());
    if let Some(module) = modules.next() {
        return Some(module).filter(|module| !FILE_SYSTEMS.contains(module));
    }
    let mut built_in = BUILT_IN.iter();
    let (_, driver) = built_in.find(|(release, _)| thread.is_in(&[release]))?;
    Some(driver)
}
