//! Programs that need no file of their host.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{shell, workspace};

/// The profile of the workspace's Cargo.toml with which tests build.
pub(crate) const TEST_PROFILE: &str = "static-test";

/// The static programs that tests start: one build serves the tests of this machine, the image,
/// the package, the pods and the virtual machines.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    pub(crate) reapwatch: PathBuf,
    pub(crate) scenarios: PathBuf,
    pub(crate) vm_init: PathBuf,
    /// The live tests. They start the programs above, where these are.
    pub(crate) live: PathBuf,
}

/// What cargo says of a target that it has built.
#[derive(Deserialize)]
struct Built {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Where cargo puts static programs, apart from other builds, whose flags are not these.
pub(crate) fn target_dir() -> PathBuf {
    workspace::target_dir().join("static")
}

/// The target that they are built for: glibc's, as Rust's musl one is not needed.
pub(crate) fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Builds the agent as it is shipped; its path.
pub(crate) fn build_shipped() -> Result<PathBuf> {
    shell::run(cargo("build").args(["--release", "--package", "reapwatch"]))?;
    let built = target_dir().join(target()).join("release");
    Ok(built.join("reapwatch"))
}

/// Builds all that tests start, quickly.
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
            .with_context(|| format!("cargo built no program `{name}`"))
    };
    Ok(Programs {
        reapwatch: program("reapwatch")?,
        scenarios: program("scenarios")?,
        vm_init: program("vm-init")?,
        live: program("live")?,
    })
}

/// `cargo build` or `cargo test` of everything but xtask, as all tests build it. Always the same
/// packages: with fewer of them, what they depend on has fewer features and is built once more.
pub(crate) fn cargo_for_tests(what: &str) -> Command {
    let mut command = cargo(what);
    command.args([
        "--profile",
        TEST_PROFILE,
        "--workspace",
        "--exclude",
        "xtask",
    ]);
    command
}

/// Paths of this machine are not in the programs, so that their bytes depend on the sources and
/// the compiler alone.
fn cargo(what: &str) -> Command {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let known = home.map(|home| (home, "/cargo")).into_iter();
    for (path, name) in known.chain([(workspace::root().to_owned(), "/reapwatch")]) {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args([what, "--locked", "--target", &target(), "--target-dir"])
        .arg(target_dir())
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command
}

/// The bytes of a program.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read {}", path.display()))
}
