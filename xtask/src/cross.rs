//! What builds and runs programs for arm64 on another processor: Debian's compiler with the standard
//! library of that processor, a linker, and an emulator of single programs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::{Apt, extract};
use crate::arch::Arch;
use crate::{shell, workspace};

/// Debian's packages.
pub(crate) const PACKAGES: [&str; 5] = [
    "cargo-web",
    "gcc-aarch64-linux-gnu",
    C_LIBRARY,
    "qemu-user-static",
    "rustc-web",
];
pub(crate) const C_LIBRARY: &str = "libc6-dev-arm64-cross";
/// The standard library for that compiler. It comes unpacked into the cache, since the package
/// manager installs it only where the machine's own configuration allows packages of arm64.
pub(crate) const LIBRARY: &str = "libstd-rust-web-dev";
/// Suites that have it.
const SUITES: [&str; 2] = ["bookworm", "bookworm-security"];
const CACHE: &str = "cross";

/// Debian's compiler, which also builds the kernel side.
pub(crate) const CARGO: &str = "/usr/bin/cargo";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const LINKER: &str = "aarch64-linux-gnu-gcc";
/// Runs programs that need nothing of another kernel.
pub(crate) const EMULATOR: &str = "qemu-aarch64-static";

/// The compiler's folder of libraries.
pub(crate) fn sysroot() -> PathBuf {
    workspace::cache(CACHE).join("usr")
}

/// Whether the library is in the cache.
pub(crate) fn is_there() -> bool {
    sysroot()
        .join("lib/rustlib")
        .join(Arch::Arm64.target())
        .is_dir()
}

/// Downloads the library into the cache.
pub(crate) fn unpack() -> Result<()> {
    let package = format!("{LIBRARY}={}", version("rustc-web")?);
    println!(
        "setup: {package} for arm64, unpacked into {}",
        sysroot().display()
    );
    let apt = Apt::prepare(Arch::Arm64, SUITES.into_iter())?;
    let (package_in, folder) = (workspace::temporary(CACHE)?, workspace::temporary(CACHE)?);
    extract(&apt.download(&package, package_in.path())?, folder.path())?;
    // The folder appears only when it is complete.
    fs::rename(folder.path().join("usr"), sysroot()).context("keep the library")
}

/// The version of an installed package.
pub(crate) fn version(package: &str) -> Result<String> {
    let mut query = Command::new("dpkg-query");
    shell::read(query.args(["--show", "--showformat=${Version}", package]))
}
