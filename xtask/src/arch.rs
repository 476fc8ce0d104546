//! The processors that programs are built for.

use std::env::consts::ARCH;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use crate::cross;

/// A processor, as Debian and container registries name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    /// That of this machine.
    pub(crate) fn own() -> Self {
        if ARCH == Self::Arm64.rust() {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }

    pub(crate) fn is_own(self) -> bool {
        self == Self::own()
    }

    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Its name in Rust, and in what the kernel says of itself.
    pub(crate) const fn rust(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The target triple of static programs. Rust links glibc statically too, so musl is not needed.
    pub(crate) fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.rust())
    }

    /// A command that runs a program for it on this machine.
    pub(crate) fn run(self, program: &Path) -> Command {
        if self.is_own() {
            return Command::new(program);
        }
        let mut command = Command::new(cross::EMULATOR);
        command.arg(program);
        command
    }
}

impl Default for Arch {
    fn default() -> Self {
        Self::own()
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.debian())
    }
}
