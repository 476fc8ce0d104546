//! Packs the programs that run in a machine.

use std::path::Path;

use anyhow::Result;

use super::archive::Archive;
use crate::statics::{self, Programs};

/// Mount points.
const FOLDERS: [&str; 4] = ["/proc", "/sys", "/tmp", "/run"];

/// The initramfs of a machine.
pub(super) fn pack(programs: &Programs) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.console();
    for folder in FOLDERS {
        archive.folder(Path::new(folder));
    }
    archive.program(Path::new("/init"), &statics::read(&programs.vm_init)?);
    archive.program(Path::new("/live"), &statics::read(&programs.live)?);
    // The live tests have these paths compiled in.
    for path in [&programs.reapwatch, &programs.scenarios] {
        archive.program(path, &statics::read(path)?);
    }
    Ok(archive.finish())
}
