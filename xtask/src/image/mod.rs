//! A container image with nothing but the agent, as an archive that every runtime loads.

mod layout;

use std::env::consts::ARCH;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

pub(crate) use self::layout::{Content, File, archive};
use crate::cli;
use crate::sidecar::sha256;
use crate::{shell, workspace};

const LICENCES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-GPL2", "LICENSE-MIT"];

/// `cargo xtask image`.
pub(crate) fn main(options: &cli::Image) -> Result<ExitCode> {
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| workspace::target_dir().join("image/reapwatch.tar"));
    let bytes = build(&options.name)?;
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(&output, &bytes).with_context(|| format!("write {}", output.display()))?;
    println!("{}", output.display());
    println!("name   {}", options.name);
    println!("bytes  {}", bytes.len());
    println!("sha256 {}", sha256(&bytes));
    Ok(ExitCode::SUCCESS)
}

/// The archive of the agent's image, under this name.
pub(crate) fn build(name: &str) -> Result<Vec<u8>> {
    let program = build_static("reapwatch")?;
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("read {}", path.display()));
    let mut files = vec![File::program("reapwatch", read(program)?)];
    for name in LICENCES {
        let text = read(workspace::root().join(name))?;
        files.push(File::text(&format!("licenses/{name}"), text));
    }
    archive(name, architecture(), &AGENT, &files)
}

/// Where cargo puts the static program, apart from other builds, whose flags are not these.
pub(crate) fn target_dir() -> PathBuf {
    workspace::target_dir().join("static")
}

/// The target that the static program is built for: glibc's, as Rust's musl one is not needed.
pub(crate) fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Builds a program so that it needs no file of its host; its path. Paths of this machine are not
/// in it, so that its bytes depend on the sources and the compiler alone.
pub(crate) fn build_static(package: &str) -> Result<PathBuf> {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let known = home.map(|home| (home, "/cargo")).into_iter();
    for (path, name) in known.chain([(workspace::root().to_owned(), "/reapwatch")]) {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    let mut build = Command::new(workspace::cargo());
    build
        .current_dir(workspace::root())
        .args(["build", "--release", "--locked", "--package", package])
        .args(["--target", &target(), "--target-dir"])
        .arg(target_dir())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    shell::run(&mut build)?;
    Ok(target_dir().join(target()).join("release").join(package))
}

/// What the agent's image runs, and where it writes.
const AGENT: Content = Content {
    title: "reapwatch",
    entrypoint: &["/reapwatch"],
    arguments: &["agent"],
    port: Some("9991/tcp"),
    folders: &["licenses/", "run/", "run/reapwatch/"],
};

/// As Go, and so the world of containers, calls it.
pub(crate) fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
