//! QEMU, the same version on every machine: unpacked from Debian's packages together with its
//! libraries. Installing the packages would need root and could conflict with another QEMU.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::arch::Arch;
use crate::workspace;

/// The part of the cache for it.
const CACHE: &str = "emulator";
/// The suite with QEMU 7.2. With QEMU 10, a machine with 6.1 powered off instead of waking from
/// suspend, and every machine used a sixth more CPU.
const SUITE: &str = "bookworm";
/// Folders of libraries. The first has the loader that runs a program with them.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const MODULES: &str = "usr/lib/x86_64-linux-gnu/qemu";
/// Folders of firmware.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// Name of the program.
pub(crate) const fn wanted(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "qemu-system-x86_64",
        Arch::Arm64 => "qemu-system-aarch64",
    }
}

const fn package(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "qemu-system-x86",
        Arch::Arm64 => "qemu-system-arm",
    }
}

/// Whether it is in the cache.
pub(crate) fn is_there(arch: Arch) -> bool {
    program(arch).is_file()
}

/// The QEMU command, without arguments.
pub(crate) fn command(arch: Arch) -> Command {
    let root = unpacked(arch);
    let libraries = LIBRARIES.map(|folder| root.join(folder).display().to_string());
    let mut command = Command::new(root.join(LIBRARIES[0]).join("ld-linux-x86-64.so.2"));
    command
        .args(["--library-path", &libraries.join(":")])
        .arg(program(arch))
        .env("QEMU_MODULE_DIR", root.join(MODULES));
    for folder in FIRMWARE {
        command.arg("-L").arg(root.join(folder));
    }
    command
}

/// Downloads it into the cache.
pub(crate) fn unpack(arch: Arch) -> Result<()> {
    let root = unpacked(arch);
    println!(
        "setup: {} of Debian {SUITE}, unpacked into {}",
        wanted(arch),
        root.display()
    );
    let folder = workspace::temporary(CACHE)?;
    Apt::prepare(Arch::own(), [SUITE].into_iter())?.unpack_whole(package(arch), folder.path())?;
    // The folder appears only when it is complete.
    fs::rename(folder.path(), &root).with_context(|| format!("make {}", root.display()))
}

fn unpacked(arch: Arch) -> PathBuf {
    let name = match arch {
        Arch::Amd64 => SUITE.to_owned(),
        Arch::Arm64 => format!("{SUITE}-{arch}"),
    };
    workspace::cache(CACHE).join(name)
}

fn program(arch: Arch) -> PathBuf {
    unpacked(arch).join("usr/bin").join(wanted(arch))
}
