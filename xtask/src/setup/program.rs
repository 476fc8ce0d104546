//! Programs that are not installed as packages of the machine but into folders of the user.

use std::process::Command;

use anyhow::Result;

use super::Purpose;
use crate::{emulator, prometheus, shell, verdicts, workspace};

/// The version that the checked-in object was linked with.
const LINKER_VERSION: &str = "0.13.0";

/// The version that the metadata in agent/Cargo.toml was tested with.
pub(crate) const CARGO_DEB: &str = "3.8.0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Linker,
    Packager,
    Prometheus,
    Emulator,
    Venv,
}

impl Program {
    pub(super) const ALL: [Self; 5] = [
        Self::Linker,
        Self::Packager,
        Self::Prometheus,
        Self::Emulator,
        Self::Venv,
    ];

    pub(super) fn serves(self, purpose: Purpose) -> bool {
        let own = match self {
            Self::Linker => Some(Purpose::Build),
            Self::Packager => None,
            Self::Prometheus => Some(Purpose::Cluster),
            Self::Emulator => Some(Purpose::Vm),
            // The tests only run the quick cases, which do not need it.
            Self::Venv => return purpose == Purpose::Real,
        };
        let all = purpose == Purpose::Test;
        all || own == Some(purpose)
    }

    pub(super) fn is_here(self) -> bool {
        match self {
            Self::Linker => linker_is_right(),
            Self::Packager => workspace::find_program("cargo-deb").is_some(),
            Self::Prometheus => prometheus::folder().is_some(),
            Self::Emulator => emulator::is_there(),
            Self::Venv => verdicts::venv_is_whole(),
        }
    }

    /// The message that it is missing, if so.
    pub(super) fn lack(self) -> Option<String> {
        (!self.is_here()).then(|| format!("missing: {}", self.name()))
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Linker => format!("bpf-linker {LINKER_VERSION}"),
            Self::Packager => "cargo-deb".to_owned(),
            Self::Prometheus => prometheus::WANTED.to_owned(),
            Self::Emulator => emulator::WANTED.to_owned(),
            Self::Venv => format!("{} from PyPI", verdicts::VENV.join(", ")),
        }
    }

    pub(super) fn install(self) -> Result<()> {
        match self {
            Self::Linker => super::install(install_linker()),
            Self::Packager => super::install(install_packager()),
            Self::Prometheus => prometheus::unpack(),
            Self::Emulator => emulator::unpack(),
            Self::Venv => verdicts::install_venv(),
        }
    }

    /// The command that installs it by hand, if it is a simple one.
    pub(super) fn by_hand(self) -> Option<String> {
        match self {
            Self::Linker => Some(shell::display_with_environment(&install_linker())),
            Self::Packager => Some(shell::display_with_environment(&install_packager())),
            Self::Prometheus => Some(format!("put {} on the PATH", prometheus::WANTED)),
            Self::Emulator | Self::Venv => None,
        }
    }
}

fn linker_is_right() -> bool {
    let Some(linker) = workspace::find_program("bpf-linker") else {
        return false;
    };
    let output = Command::new(linker).arg("--version").output();
    output.is_ok_and(|output| {
        let said = String::from_utf8_lossy(&output.stdout);
        said.split_whitespace().last() == Some(LINKER_VERSION)
    })
}

fn install_linker() -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .args(["install", "bpf-linker", "--locked"])
        .args(["--version", LINKER_VERSION])
        .args(["--no-default-features", "--features", "llvm-22"])
        .env("LLVM_PREFIX", "/usr/lib/llvm-22")
        .env("LLVM_SYS_221_PREFIX", "/usr/lib/llvm-22");
    command
}

fn install_packager() -> Command {
    let mut command = Command::new(workspace::cargo());
    command.args(["install", "cargo-deb", "--locked", "--version", CARGO_DEB]);
    command
}
