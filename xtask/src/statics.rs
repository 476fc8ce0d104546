//! Builds static programs, which run on any machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::arch::Arch;
use crate::{cross, shell, workspace};

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
pub(crate) fn target_dir(arch: Arch) -> PathBuf {
    let name = if arch.is_own() { "static" } else { "cross" };
    workspace::target_dir().join(name)
}

/// Builds the agent for a release and returns its path.
pub(crate) fn build_shipped(arch: Arch) -> Result<PathBuf> {
    build_shipped_of(workspace::root(), &target_dir(arch), arch)
}

/// Builds a copy of the sources into a target folder of its own.
pub(crate) fn build_shipped_of(sources: &Path, target_dir: &Path, arch: Arch) -> Result<PathBuf> {
    let mut command = cargo_in(sources, target_dir, "build", arch);
    shell::run(command.args(["--release", "--package", "reapwatch"]))?;
    Ok(program_in(target_dir, arch))
}

/// The agent for a release, as last built.
pub(crate) fn shipped(arch: Arch) -> PathBuf {
    program_in(&target_dir(arch), arch)
}

fn program_in(target_dir: &Path, arch: Arch) -> PathBuf {
    target_dir.join(arch.target()).join("release/reapwatch")
}

/// Builds the programs that tests start.
pub(crate) fn build_for_tests() -> Result<Programs> {
    build_for_tests_of(Arch::own())
}

/// The same for a processor.
pub(crate) fn build_for_tests_of(arch: Arch) -> Result<Programs> {
    let mut command = cargo(arch, "build");
    command.args(OF_TESTS);
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

/// Every package but xtask, with the profile of the test build. Naming fewer packages would change
/// the features of shared dependencies and compile them again.
const OF_TESTS: [&str; 5] = [
    "--profile",
    TEST_PROFILE,
    "--workspace",
    "--exclude",
    "xtask",
];

/// A cargo command on the tests and on what they run.
pub(crate) fn cargo_for_tests(what: &str) -> Command {
    let mut command = cargo(Arch::own(), what);
    command.args(OF_TESTS);
    command
}

/// A cargo command that shares build scripts and procedural macros with the test build.
pub(crate) fn cargo_with_test_profile(what: &str) -> Command {
    let mut command = cargo(Arch::own(), what);
    command.args(["--profile", TEST_PROFILE]);
    command
}

fn cargo(arch: Arch, what: &str) -> Command {
    cargo_in(workspace::root(), &target_dir(arch), what, arch)
}

/// A cargo command that keeps the paths of this machine out of the programs, so that their bytes
/// depend only on the sources and the compiler.
fn cargo_in(sources: &Path, target_dir: &Path, what: &str, arch: Arch) -> Command {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let known = workspace::cargo_home()
        .map(|home| (home, "/cargo"))
        .into_iter();
    for (path, name) in known.chain([(sources.to_owned(), "/reapwatch")]) {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    let mut command = if arch.is_own() {
        Command::new(workspace::cargo())
    } else {
        flags.push(format!("--sysroot={}", cross::sysroot().display()));
        flags.push(format!("-Clinker={}", cross::LINKER));
        let mut command = Command::new(cross::CARGO);
        command.env("RUSTC", cross::RUSTC);
        command
    };
    command
        .current_dir(sources)
        .args([what, "--locked", "--target", &arch.target()])
        .arg("--target-dir")
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
