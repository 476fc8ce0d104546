//! Programs that are not installed as packages of the machine but into folders of the user.

use std::process::Command;

use anyhow::Result;

use crate::arch::Arch;
use crate::cli::Purpose;
use crate::cluster::programs as kubernetes;
use crate::{cross, emulator, operator, prometheus, shell, verdicts, workspace};

/// The version that the checked-in object was linked with.
const LINKER_VERSION: &str = "0.13.0";

/// The version that the metadata in agent/Cargo.toml was tested with.
pub(crate) const CARGO_DEB: &str = "3.8.0";

/// The version that deny.toml was tested with.
const CARGO_DENY: &str = "0.20.2";

pub(super) struct Program {
    pub(super) name: fn() -> String,
    pub(super) serves: &'static [Purpose],
    pub(super) is_here: fn() -> bool,
    pub(super) install: fn() -> Result<()>,
    /// The command that installs it by hand, if it is a simple one.
    pub(super) by_hand: fn() -> Option<String>,
}

static LINKER: Program = Program {
    name: || format!("bpf-linker {LINKER_VERSION}"),
    serves: &[Purpose::Build, Purpose::Test],
    is_here: linker_is_right,
    install: || super::install(install_linker()),
    by_hand: || Some(shell::display_with_environment(&install_linker())),
};

pub(super) static PACKAGER: Program = Program {
    name: || "cargo-deb".to_owned(),
    serves: &[Purpose::Test],
    is_here: || workspace::find_program("cargo-deb").is_some(),
    install: || super::install(install_packager()),
    by_hand: || Some(shell::display_with_environment(&install_packager())),
};

/// Building it takes minutes, so the tests only run with it if it is there already.
pub(super) static DENY: Program = Program {
    name: || "cargo-deny".to_owned(),
    serves: &[],
    is_here: || workspace::find_program("cargo-deny").is_some(),
    install: || super::install(install_deny()),
    by_hand: || Some(shell::display_with_environment(&install_deny())),
};

pub(super) static PROMETHEUS: Program = Program {
    name: || prometheus::WANTED.to_owned(),
    serves: &[Purpose::Cluster, Purpose::Test],
    is_here: || prometheus::folder().is_some(),
    install: prometheus::unpack,
    by_hand: || Some(format!("put {} on the PATH", prometheus::WANTED)),
};

pub(super) static EMULATOR: Program = Program {
    name: || emulator::wanted(Arch::Amd64).to_owned(),
    serves: &[Purpose::Vm, Purpose::Test],
    is_here: || emulator::is_there(Arch::Amd64),
    install: || emulator::unpack(Arch::Amd64),
    by_hand: || None,
};

static EMULATOR_OF_ARM64: Program = Program {
    name: || emulator::wanted(Arch::Arm64).to_owned(),
    serves: &[Purpose::Arm64],
    is_here: || emulator::is_there(Arch::Arm64),
    install: || emulator::unpack(Arch::Arm64),
    by_hand: || None,
};

static CROSS: Program = Program {
    name: || format!("{} for arm64", cross::LIBRARY),
    serves: &[Purpose::Arm64],
    is_here: cross::is_there,
    install: cross::unpack,
    by_hand: || None,
};

/// Building it takes minutes, so the tests only run with it if it is there already.
pub(super) static KUBERNETES: Program = Program {
    name: || kubernetes::WANTED.to_owned(),
    serves: &[Purpose::Cluster],
    is_here: kubernetes::is_there,
    install: crate::cluster::build,
    by_hand: || None,
};

static OPERATOR: Program = Program {
    name: || operator::WANTED.to_owned(),
    serves: &[Purpose::Cluster, Purpose::Test],
    is_here: operator::are_there,
    install: operator::fetch,
    by_hand: || None,
};

/// The tests only run the quick cases, which do not need it.
static VENV: Program = Program {
    name: || format!("{} from PyPI", verdicts::VENV.join(", ")),
    serves: &[Purpose::Real],
    is_here: verdicts::venv_is_whole,
    install: verdicts::install_venv,
    by_hand: || None,
};

pub(super) static ALL: [&Program; 10] = [
    &LINKER,
    &PACKAGER,
    &DENY,
    &PROMETHEUS,
    &EMULATOR,
    &EMULATOR_OF_ARM64,
    &CROSS,
    &KUBERNETES,
    &OPERATOR,
    &VENV,
];

impl Program {
    /// The message that it is missing, if so.
    pub(super) fn lack(&self) -> Option<String> {
        (!(self.is_here)()).then(|| format!("missing: {}", (self.name)()))
    }
}

fn linker_is_right() -> bool {
    let Some(linker) = workspace::find_program("bpf-linker") else {
        return false;
    };
    let output = Command::new(linker).arg("--version").output();
    output.is_ok_and(|output| {
        let output = String::from_utf8_lossy(&output.stdout);
        output.split_whitespace().last() == Some(LINKER_VERSION)
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
    cargo_install("cargo-deb", CARGO_DEB)
}

fn install_deny() -> Command {
    cargo_install("cargo-deny", CARGO_DENY)
}

fn cargo_install(program: &str, version: &str) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.args(["install", program, "--locked", "--version", version]);
    command
}
