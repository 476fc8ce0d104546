//! Builds what runs in the machine, static, and packs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::archive::Archive;
use crate::{shell, workspace};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The profile of the workspace's Cargo.toml.
const PROFILE: &str = "vm";
/// Places of mounts.
const FOLDERS: [&str; 4] = ["/proc", "/sys", "/tmp", "/run"];

/// Builds all and returns the file system that a machine starts with.
pub(super) fn pack() -> Result<Vec<u8>> {
    let target_dir = workspace::target_dir().join("vm");
    let programs = ["scenarios", "vm-init"];
    let mut cargo_build = cargo("build", &target_dir);
    cargo_build.arg("--bins");
    cargo_build.args(programs.iter().flat_map(|name| ["--package", name]));
    shell::run(&mut cargo_build)?;
    let live = live_test(&target_dir)?;
    let built = target_dir.join(TARGET).join(PROFILE);
    let mut archive = Archive::default();
    archive.console();
    for folder in FOLDERS {
        archive.folder(Path::new(folder));
    }
    archive.program(Path::new("/init"), &read(&built.join("vm-init"))?);
    archive.program(Path::new("/live"), &read(&live)?);
    // Where cargo told the test that they are.
    for name in ["reapwatch", "scenarios"] {
        let path = built.join(name);
        archive.program(&path, &read(&path)?);
    }
    Ok(archive.finish())
}

/// Builds the live tests, and with them the agent that they start; where cargo put them.
fn live_test(target_dir: &Path) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    let mut build = cargo("test", target_dir);
    build.args(["--package", "reapwatch", "--test", "live", "--no-run"]);
    let text = shell::read(build.arg("--message-format=json-render-diagnostics"))?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut tests = messages.filter_map(|message: Message| {
        let target = message.target?;
        (target.name == "live" && target.kind == ["test"]).then_some(message.executable?)
    });
    tests.next().context("cargo built no test `live`")
}

fn cargo(what: &str, target_dir: &Path) -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args([what, "--quiet", "--locked", "--profile", PROFILE])
        .args(["--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    command
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
