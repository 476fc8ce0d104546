//! Finds out what is missing for a purpose and installs it, on Debian and as root.
//!
//! Building and running the agent needs stable cargo alone; all of this is for the kernel side
//! and for the tests.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{host, prometheus, shell, workspace};

/// What the machine is to be made ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Building the kernel side
    Build,
    /// All of `cargo xtask test`
    Test,
    /// Pods, and the Prometheus that scrapes them
    Cluster,
}

/// Debian's compiler with its `core` for BPF, and the LLVM that bpf-linker and it share.
const KERNEL_SIDE: [&str; 7] = [
    "cargo-web",
    "gcc",
    "libpolly-22-dev",
    "libstd-rust-web-dev-bpf",
    "llvm-22",
    "llvm-22-dev",
    "rustc-web",
];

/// What boots the kernels of `cargo xtask vm`.
const EMULATOR: &str = "qemu-system-x86";

/// What runs pods, and Debian's packages of it. A machine may have them from elsewhere.
const CONTAINERS: [(&str, &str); 4] = [
    ("containerd", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
];

/// What `cargo xtask test` checks the sources with: rustup's components, and what Debian's cargo
/// has instead.
const COMPONENTS: [(&str, &str); 2] = [("rustfmt", "rustfmt-web"), ("clippy", "rust-web-clippy")];

/// The version that the checked-in object was linked with.
const LINKER_VERSION: &str = "0.13.0";

/// The version that the metadata in agent/Cargo.toml was tried with.
pub(crate) const CARGO_DEB: &str = "3.8.0";

/// `cargo xtask setup`.
pub(crate) fn main(purpose: Purpose) -> Result<ExitCode> {
    if ensure(purpose)? {
        println!("setup: done");
    } else {
        println!("setup: everything is there");
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing; whether anything was.
pub(crate) fn ensure(purpose: Purpose) -> Result<bool> {
    let missing = Missing::find(purpose);
    if missing.is_empty() {
        return Ok(false);
    }
    if !host::is_debian() || !host::is_root() {
        let name = purpose
            .to_possible_value()
            .map_or("build".to_owned(), |v| v.get_name().to_owned());
        let who = if host::is_debian() {
            "as root"
        } else {
            "on Debian 12, as root"
        };
        bail!(
            "missing: {missing}; {who} `cargo xtask setup {name}` installs it, or: {}",
            missing.remedy()
        );
    }
    missing.install()?;
    let still = Missing::find(purpose);
    if !still.is_empty() {
        bail!("still missing after the installation: {still}");
    }
    Ok(true)
}

/// Why the kernel side cannot be built here, if so.
pub(crate) fn no_kernel_side() -> Option<String> {
    let missing = Missing::find(Purpose::Build);
    (!missing.is_empty()).then(|| format!("missing: {missing}"))
}

/// Why other kernels cannot be booted here, if so.
pub(crate) fn no_emulator() -> Option<String> {
    if !host::is_debian() {
        return Some("Debian's kernels are fetched by Debian's apt, which is not here".to_owned());
    }
    (!is_installed(EMULATOR)).then(|| format!("missing: {EMULATOR}"))
}

/// Why pods cannot be run here, if so.
pub(crate) fn no_containers() -> Option<String> {
    let missing = missing_containers();
    if let Some(package) = missing.first() {
        return Some(format!("missing: {package}"));
    }
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
        && !Path::new("/sys/fs/cgroup/memory").exists()
    {
        return Some("no cgroups are mounted at /sys/fs/cgroup".to_owned());
    }
    host::no_probes().or_else(no_prometheus)
}

/// Packages with programs that are not here.
fn missing_containers() -> Vec<&'static str> {
    let absent = |program: &str| workspace::find_program(program).is_none();
    let mut packages: Vec<_> = CONTAINERS
        .into_iter()
        .filter_map(|(program, package)| absent(program).then_some(package))
        .collect();
    packages.dedup();
    packages
}

/// Why the Debian package cannot be built and tried here, if so.
pub(crate) fn no_packager() -> Option<String> {
    if workspace::find_program("cargo-deb").is_none() {
        return Some("missing: cargo-deb".to_owned());
    }
    if !Path::new("/lib/systemd/systemd").exists() {
        return Some("missing: systemd, which starts the unit".to_owned());
    }
    host::no_probes()
}

/// Why tests with Prometheus cannot run here, if so.
pub(crate) fn no_prometheus() -> Option<String> {
    prometheus::folder()
        .is_none()
        .then(|| format!("missing: {}", prometheus::WANTED))
}

/// What a purpose lacks here.
struct Missing {
    packages: Vec<&'static str>,
    linker: bool,
    packager: bool,
    prometheus: bool,
    components: Vec<&'static str>,
}

impl Missing {
    fn find(purpose: Purpose) -> Self {
        let test = purpose == Purpose::Test;
        let build = purpose != Purpose::Cluster;
        let pods = purpose != Purpose::Build;
        let packages = KERNEL_SIDE.into_iter().filter(|_| build);
        let mut packages: Vec<_> = packages
            .chain(test.then_some(EMULATOR))
            .filter(|name| !is_installed(name))
            .collect();
        if pods {
            packages.extend(missing_containers());
        }
        let absent = COMPONENTS
            .into_iter()
            .filter(|(name, _)| test && !has_component(name));
        let (components, instead): (Vec<_>, Vec<_>) = absent.unzip();
        let rustup = workspace::find_program("rustup").is_some();
        if !rustup {
            packages.extend(instead);
        }
        Self {
            packages,
            linker: build && !linker_is_right(),
            packager: test && workspace::find_program("cargo-deb").is_none(),
            prometheus: pods && prometheus::folder().is_none(),
            components: if rustup { components } else { Vec::new() },
        }
    }

    fn is_empty(&self) -> bool {
        let programs = self.linker || self.packager || self.prometheus;
        !programs && self.packages.is_empty() && self.components.is_empty()
    }

    fn commands(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        if !self.packages.is_empty() {
            commands.push(apt(&["update"]));
        }
        if !self.packages.is_empty() {
            let mut install = apt(&["install", "-y", "--no-install-recommends", "--no-remove"]);
            install.args(&self.packages);
            commands.push(install);
        }
        if self.linker {
            commands.push(install_linker());
        }
        if self.packager {
            commands.push(install_packager());
        }
        if !self.components.is_empty() {
            let mut add = Command::new("rustup");
            add.args(["component", "add"]).args(&self.components);
            commands.push(add);
        }
        commands
    }

    fn install(&self) -> Result<()> {
        for mut command in self.commands() {
            println!("setup: {}", shell::display(&command));
            shell::run(&mut command)?;
        }
        if self.prometheus {
            prometheus::unpack()?;
        }
        Ok(())
    }

    /// What a person would type instead.
    fn remedy(&self) -> String {
        let mut words: Vec<_> = self
            .commands()
            .iter()
            .map(shell::display_with_environment)
            .collect();
        if self.prometheus {
            words.push(format!("put {} on the PATH", prometheus::WANTED));
        }
        words.join(" && ")
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let linker = format!("bpf-linker {LINKER_VERSION}");
        let mut names = self.packages.clone();
        names.extend(self.linker.then_some(linker.as_str()));
        names.extend(self.packager.then_some("cargo-deb"));
        names.extend(self.prometheus.then_some(prometheus::WANTED));
        names.extend(&self.components);
        f.write_str(&names.join(", "))
    }
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

fn linker_is_right() -> bool {
    let Some(linker) = workspace::find_program("bpf-linker") else {
        return false;
    };
    Command::new(linker)
        .arg("--version")
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout)
                .split_whitespace()
                .last()
                == Some(LINKER_VERSION)
        })
}

/// Whether cargo has its `fmt` or `clippy`.
fn has_component(name: &str) -> bool {
    let subcommand = name.trim_start_matches("rust");
    Command::new(workspace::cargo())
        .args([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn apt(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn install_linker() -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .args([
            "install",
            "bpf-linker",
            "--version",
            LINKER_VERSION,
            "--locked",
        ])
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
