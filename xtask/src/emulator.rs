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
/// That of QEMU 7.2: with QEMU 10 a machine of 6.1 that slept went off instead of waking, and each
/// took a sixth more of a processor.
const SUITE: &str = "bookworm";
/// Where it has its libraries, and first what starts a program with them instead of the machine's.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const MODULES: &str = "usr/lib/x86_64-linux-gnu/qemu";
/// Where packages put what a machine has in its ROM.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// Whether it is there.
pub(crate) fn is_there() -> bool {
    program(&unpacked()).is_file()
}

/// QEMU, ready for its arguments.
pub(crate) fn command() -> Command {
    let root = unpacked();
    let libraries = LIBRARIES.map(|folder| root.join(folder).display().to_string());
    let mut command = Command::new(root.join(LIBRARIES[0]).join("ld-linux-x86-64.so.2"));
    command
        .args(["--library-path", &libraries.join(":")])
        .arg(program(&root))
        .env("QEMU_MODULE_DIR", root.join(MODULES));
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
