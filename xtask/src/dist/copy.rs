//! A second build, of a copy of the sources in another folder.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::{statics, workspace};

/// Builds it, and returns the program, which replaces that of the build before.
pub(super) fn build(arch: Arch) -> Result<PathBuf> {
    let target = workspace::target_dir().join("dist-copy");
    let sources = target.join("sources");
    // What an older build left.
    let _absent = fs::remove_dir_all(&target);
    fs::create_dir_all(&sources).with_context(|| format!("make {}", sources.display()))?;
    workspace::copy(&sources)?;
    let program = statics::build_shipped_of(&sources, &target, arch)?;
    let bytes = statics::read(&program)?;
    // Packages are made of the program at its usual place.
    let place = statics::shipped(arch);
    fs::write(&place, bytes).with_context(|| format!("write {}", place.display()))?;
    Ok(place)
}
