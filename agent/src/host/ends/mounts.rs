//! The mount of a descriptor. I/O.

use std::fs;

use super::fdinfo::Info;
use crate::host::mounts::{self, Mount};
use crate::host::proc;

/// All mounts that a thread sees.
pub fn seen_by(root: &str) -> Vec<Mount> {
    let text = fs::read(format!("{root}/mountinfo")).unwrap_or_default();
    mounts::parse(&text).collect()
}

/// The mount of a descriptor.
pub fn of_descriptor(root: &str, descriptor: u32) -> Option<Mount> {
    let info = proc::text(format!("{root}/fdinfo/{descriptor}")).ok()?;
    let id = Info(&info).number("mnt_id")?;
    seen_by(root).into_iter().find(|mount| mount.id == id)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn an_open_file_has_a_mount() {
        let file = tempfile::tempfile().expect("a file can be made");
        let mount = of_descriptor("/proc/self", file.as_raw_fd() as u32);
        assert!(mount.is_some_and(|mount| !mount.is_network()));
    }
}
