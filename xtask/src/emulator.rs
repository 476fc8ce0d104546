//! QEMU, the same version on every machine: unpacked from Debian's packages together with its
//! libraries. Installing the packages would need root and could conflict with another QEMU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::workspace;

/// Name of the program.
pub(crate) const WANTED: &str = "qemu-system-x86_64";

/// The part of the cache for it.
const CACHE: &str = "emulator";
const PACKAGE: &str = "qemu-system-x86";
/// The suite with QEMU 7.2. With QEMU 10, a machine with 6.1 powered off instead of waking from
/// suspend, and every machine used a sixth more CPU.
const SUITE: &str = "bookworm";
/// Folders of libraries. The first has the loader that runs a program with them.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const MODULES: &str = "usr/lib/x86_64-linux-gnu/qemu";
/// Folders of firmware.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// Whether it is in the cache.
pub(crate) fn is_there() -> bool {
    program(&unpacked()).is_file()
}

/// The QEMU command, without arguments.
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

/// Downloads it into the cache.
pub(crate) fn unpack() -> Result<()> {
    let root = unpacked();
    println!(
        "setup: {WANTED} of Debian {SUITE}, unpacked into {}",
        root.display()
    );
    let folder = workspace::temporary(CACHE)?;
    Apt::prepare([SUITE].into_iter())?.unpack_whole(PACKAGE, folder.path())?;
    // The folder appears only when it is complete.
    fs::rename(folder.path(), &root).with_context(|| format!("make {}", root.display()))
}

fn unpacked() -> PathBuf {
    workspace::cache(CACHE).join(SUITE)
}

fn program(root: &Path) -> PathBuf {
    root.join("usr/bin").join(WANTED)
}
