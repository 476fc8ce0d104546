//! A second build, of a copy of the sources in another folder.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{statics, workspace};

/// Builds it, and returns the program, which replaces that of the build before.
pub(super) fn build() -> Result<PathBuf> {
    let target = workspace::target_dir().join("dist-copy");
    let sources = target.join("sources");
    // What an older build left.
    let _absent = fs::remove_dir_all(&target);
    copy_sources(&sources)?;
    let program = statics::build_shipped_of(&sources, &target)?;
    let bytes = statics::read(&program)?;
    // Packages are made of the program at its usual place.
    let place = statics::shipped();
    fs::write(&place, bytes).with_context(|| format!("write {}", place.display()))?;
    Ok(place)
}

/// Copies the files that git knows, as they are now; some may have been deleted.
fn copy_sources(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["ls-files", "-z"]);
    let output = git.output().context("run git")?;
    ensure!(output.status.success(), "git does not list the sources");
    let names = output.stdout.split(|&byte| byte == 0);
    for name in names.filter(|name| !name.is_empty()) {
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        let (from, to) = (workspace::root().join(name), to.join(name));
        let folder = to.parent().context("a file is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        if from.is_symlink() && from.is_dir() {
            symlink(fs::read_link(&from)?, &to).context("copy a link")?;
        } else if from.exists() {
            fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
        }
    }
    Ok(())
}
