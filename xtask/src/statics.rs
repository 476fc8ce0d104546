//! Builds static programs, which run on any machine.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{shell, workspace};

/// The profile of the test build in the workspace's Cargo.toml.
pub(crate) const TEST_PROFILE: &str = "static-test";

/// The programs that tests start. One build serves the live tests, the image, the package, the pods
/// and the virtual machines.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    pub(crate) reapwatch: PathBuf,
    pub(crate) scenarios: PathBuf,
    pub(crate) vm_init: PathBuf,
    /// The live tests, which start the programs above by the paths of the build.
    pub(crate) live: PathBuf,
}

/// A line of cargo about a target that it has built.
#[derive(Deserialize)]
struct Built {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The target folder of static builds. A build with other flags would replace these programs.
pub(crate) fn target_dir() -> PathBuf {
    workspace::target_dir().join("static")
}

/// The target triple. Rust links glibc statically too, so musl is not needed.
pub(crate) fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Builds the agent for a release and returns its path.
pub(crate) fn build_shipped() -> Result<PathBuf> {
    build_shipped_of(workspace::root(), &target_dir())
}

/// Builds a copy of the sources into a target folder of its own.
pub(crate) fn build_shipped_of(sources: &Path, target_dir: &Path) -> Result<PathBuf> {
    let mut command = cargo_in(sources, target_dir, "build");
    shell::run(command.args(["--release", "--package", "reapwatch"]))?;
    Ok(program_in(target_dir))
}

/// The agent for a release, as last built.
pub(crate) fn shipped() -> PathBuf {
    program_in(&target_dir())
}

fn program_in(target_dir: &Path) -> PathBuf {
    target_dir.join(target()).join("release/reapwatch")
}

/// Builds the programs that tests start.
pub(crate) fn build_for_tests() -> Result<Programs> {
    let mut command = cargo_for_tests("build");
    command.args(["--quiet", "--bins", "--test", "live"]);
    let text = shell::read(command.arg("--message-format=json-render-diagnostics"))?;
    let targets: Vec<Built> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let program = |name: &str| {
        let of_name = |it: &&Built| it.target.name == name && it.executable.is_some();
        let found = targets.iter().find(of_name);
        found
            .and_then(|it| it.executable.clone())
            .with_context(|| format!("cargo did not build `{name}`"))
    };
    Ok(Programs {
        reapwatch: program("reapwatch")?,
        scenarios: program("scenarios")?,
        vm_init: program("vm-init")?,
        live: program("live")?,
    })
}

/// A cargo command on every package but xtask, with the profile of the test build. Naming fewer
/// packages would change the features of shared dependencies and compile them again.
pub(crate) fn cargo_for_tests(what: &str) -> Command {
    let mut command = cargo_with_test_profile(what);
    command.args(["--workspace", "--exclude", "xtask"]);
    command
}

/// A cargo command that shares build scripts and procedural macros with the test build.
pub(crate) fn cargo_with_test_profile(what: &str) -> Command {
    let mut command = cargo(what);
    command.args(["--profile", TEST_PROFILE]);
    command
}

fn cargo(what: &str) -> Command {
    cargo_in(workspace::root(), &target_dir(), what)
}

/// A cargo command that keeps the paths of this machine out of the programs, so that their bytes
/// depend only on the sources and the compiler.
fn cargo_in(sources: &Path, target_dir: &Path, what: &str) -> Command {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let known = home.map(|home| (home, "/cargo")).into_iter();
    for (path, name) in known.chain([(sources.to_owned(), "/reapwatch")]) {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(sources)
        .args([what, "--locked", "--target", &target(), "--target-dir"])
        .arg(target_dir)
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command
}

/// The bytes of a program.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read {}", path.display()))
}
