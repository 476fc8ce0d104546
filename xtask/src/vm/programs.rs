//! Packs what runs in the machine.

use std::path::Path;

use anyhow::Result;

use super::archive::Archive;
use crate::statics::{self, Programs};

/// Places of mounts.
const FOLDERS: [&str; 4] = ["/proc", "/sys", "/tmp", "/run"];

/// The file system that a machine starts with.
pub(super) fn pack(programs: &Programs) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.console();
    for folder in FOLDERS {
        archive.folder(Path::new(folder));
    }
    archive.program(Path::new("/init"), &statics::read(&programs.vm_init)?);
    archive.program(Path::new("/live"), &statics::read(&programs.live)?);
    // Where cargo told the test that they are.
    for path in [&programs.reapwatch, &programs.scenarios] {
        archive.program(path, &statics::read(path)?);
    }
    Ok(archive.finish())
}
