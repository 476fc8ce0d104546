//! Paths of the workspace and of the cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};
use tempfile::TempDir;
use walkdir::{DirEntry, WalkDir};

use crate::shell;

/// The folder of the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is in the workspace")
}

/// The target folder of cargo.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A folder outside the repository for downloads.
pub(crate) fn cache(part: &str) -> PathBuf {
    let home = || env::home_dir().unwrap_or_else(env::temp_dir).join(".cache");
    let base = env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    base.map_or_else(home, PathBuf::from)
        .join("reapwatch")
        .join(part)
}

/// A temporary folder on the file system of the cache.
pub(crate) fn temporary(part: &str) -> Result<TempDir> {
    let cache = cache(part);
    fs::create_dir_all(&cache).with_context(|| format!("make {}", cache.display()))?;
    tempfile::tempdir_in(cache).context("make a temporary folder")
}

/// The files of a folder, sorted by name.
pub(crate) fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Copies what cargo reads of the workspace into a folder. Links to folders are left out.
pub(crate) fn copy(to: &Path) -> Result<()> {
    let is_source = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        name != "target" && !name.starts_with('.')
    };
    let from = root();
    let entries = WalkDir::new(from).min_depth(1).into_iter();
    for entry in entries.filter_entry(is_source) {
        let entry = entry.with_context(|| format!("list {}", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).with_context(|| format!("make {}", target.display()))?;
        } else if entry.path().is_file() {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// The time of the sources, in seconds since 1970, which makes archives reproducible: that of the
/// last commit, unless `SOURCE_DATE_EPOCH` is set.
pub(crate) fn source_date() -> Result<u64> {
    let time = if let Ok(time) = env::var("SOURCE_DATE_EPOCH") {
        time
    } else {
        let mut git = Command::new("git");
        git.current_dir(root());
        shell::read(git.args(["log", "-1", "--format=%ct"]))
            .context("there is no commit, whose time the files would have; set SOURCE_DATE_EPOCH")?
    };
    let time = time.trim();
    time.parse()
        .with_context(|| format!("the time of the sources is {time:?}"))
}

/// The cargo that started us.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// The path of a program.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let installed = home_bin().map(|bin| bin.join(name));
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .chain(installed)
        .find(|path| path.is_file())
}

/// Where `cargo install` puts programs, even if it is not on the PATH.
fn home_bin() -> Option<PathBuf> {
    Some(cargo_home()?.join("bin"))
}

/// The folder of cargo's downloads and programs.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}
