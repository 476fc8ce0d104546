//! QEMU, of one version on every machine: unpacked from Debian's packages, with each library that
//! it needs. To install it takes root, and may ask a machine to give up packages of another QEMU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::workspace;

/// What is needed, in words.
pub(crate) const WANTED: &str = "qemu-system-x86_64";

/// Part of the cache in which it stays.
const CACHE: &str = "emulator";
const PACKAGE: &str = "qemu-system-x86";
/// QEMU 10. Of the same cloud kernels, QEMU 7 loses some in the code that they patch at boot.
const SUITE: &str = "trixie";
/// Libraries, and what starts a program with them instead of the machine's own.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Where packages put what a machine has in its ROM.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// Whether it is there.
pub(crate) fn is_there() -> bool {
    program(&unpacked()).is_file()
}

/// QEMU, ready for its arguments.
pub(crate) fn command() -> Command {
    let root = unpacked();
    let libraries = root.join(LIBRARIES);
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(&libraries)
        .arg(program(&root))
        .env("QEMU_MODULE_DIR", libraries.join("qemu"));
    for folder in FIRMWARE {
        command.arg("-L").arg(root.join(folder));
    }
    command
}

/// Brings it into the cache.
pub(crate) fn unpack() -> Result<()> {
    let root = unpacked();
    println!(
        "setup: {WANTED} of Debian {SUITE}, unpacked into {}",
        root.display()
    );
    let folder = workspace::temporary(CACHE)?;
    Apt::prepare([SUITE].into_iter())?.unpack_whole(PACKAGE, folder.path())?;
    // All of it is there or nothing is.
    fs::rename(folder.path(), &root).with_context(|| format!("make {}", root.display()))
}

fn unpacked() -> PathBuf {
    workspace::cache(CACHE).join(SUITE)
}

fn program(root: &Path) -> PathBuf {
    root.join("usr/bin").join(WANTED)
}
