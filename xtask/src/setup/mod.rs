//! Installs what is missing for a purpose, on Debian and as root.
//!
//! Only the kernel side and the tests need this: stable cargo alone builds the agent.

mod program;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};
use clap::ValueEnum;

pub(crate) use self::program::CARGO_DEB;
use self::program::Program;
use crate::cli::Purpose;
use crate::cluster::programs as kubernetes;
use crate::{cross, deploy, host, shell, verdicts, workspace};

/// Debian's compiler with `core` for BPF, and the LLVM that it shares with bpf-linker.
const KERNEL_SIDE: [&str; 7] = [
    "cargo-web",
    "gcc",
    "libpolly-22-dev",
    "libstd-rust-web-dev-bpf",
    "llvm-22",
    "llvm-22-dev",
    "rustc-web",
];

/// Programs that run pods, and their Debian packages. They need not come from these packages.
const CONTAINERS: [(&str, &str); 5] = [
    ("containerd", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("ctr", "containerd"),
    ("ip", "iproute2"),
    ("runc", "runc"),
];

/// Programs of single suites, and the packages of the same names: one traces what the agent opens,
/// one opens its page, one makes clean systems to install it in.
const STRACE: &str = "strace";
const BROWSER: &str = "chromium";
pub(crate) const DEBOOTSTRAP: &str = "debootstrap";
/// A program of one suite, and the package that has it.
const MUSL: [&str; 2] = ["musl-gcc", "musl-tools"];

/// Components of rustup that `cargo xtask test` needs, and the equivalent Debian packages.
const COMPONENTS: [(&str, &str); 2] = [("rustfmt", "rustfmt-web"), ("clippy", "rust-web-clippy")];

/// `cargo xtask setup`.
pub(crate) fn main(purpose: Purpose) -> Result<ExitCode> {
    if ensure(purpose)? {
        println!("setup: done");
    } else {
        println!("setup: nothing is missing");
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing. Returns whether anything was.
pub(crate) fn ensure(purpose: Purpose) -> Result<bool> {
    let missing = Missing::find(purpose);
    if missing.is_empty() {
        return Ok(false);
    }
    if !host::is_debian() || (missing.needs_root() && !host::is_root()) {
        let name = purpose
            .to_possible_value()
            .map_or("build".to_owned(), |v| v.get_name().to_owned());
        let root = missing.needs_root().then_some(", as root");
        let by_hand = missing
            .by_hand()
            .map(|words| format!(", or by hand: {words}"));
        bail!(
            "missing: {missing}; on Debian 12{} `cargo xtask setup {name}` installs it{}",
            root.unwrap_or_default(),
            by_hand.unwrap_or_default()
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
        return Some("Debian's kernels need Debian's apt to download them".to_owned());
    }
    program::EMULATOR.lack()
}

/// Why no cluster can be run here, if so.
pub(crate) fn no_cluster() -> Option<String> {
    if let Some(package) = missing_containers().first() {
        return Some(format!("missing: {package}"));
    }
    let cgroups = ["cgroup.controllers", "memory"].map(|it| Path::new("/sys/fs/cgroup").join(it));
    if !cgroups.iter().any(|file| file.exists()) {
        return Some("no cgroups are mounted at /sys/fs/cgroup".to_owned());
    }
    let kubernetes = || {
        let lack = program::KUBERNETES.lack()?;
        Some(format!(
            "{lack}; `cargo xtask setup cluster` builds it in some minutes"
        ))
    };
    let lack = host::no_probes().or_else(deploy::no_kustomize);
    lack.or_else(no_prometheus).or_else(kubernetes)
}

/// Packages of the programs that are not installed.
fn missing_containers() -> Vec<&'static str> {
    let absent = |program: &str| workspace::find_program(program).is_none();
    let mut packages: Vec<_> = CONTAINERS
        .into_iter()
        .filter_map(|(program, package)| absent(program).then_some(package))
        .collect();
    packages.dedup();
    packages
}

/// Why the Debian package cannot be built and tested here, if so.
pub(crate) fn no_packager() -> Option<String> {
    let no_systemd = || {
        let there = Path::new("/lib/systemd/systemd").exists();
        (!there).then(|| "missing: systemd".to_owned())
    };
    let lack = program::PACKAGER.lack().or_else(no_systemd);
    lack.or_else(host::no_probes)
}

/// Why the dependencies cannot be checked here, if so.
pub(crate) fn no_deny() -> Option<String> {
    let lack = program::DENY.lack()?;
    let by_hand = (program::DENY.by_hand)()?;
    Some(format!("{lack}; `{by_hand}` builds it in some minutes"))
}

/// Why system calls cannot be traced here, if so.
pub(crate) fn no_strace() -> Option<String> {
    missing_program(STRACE)
}

/// Why programs with another C library cannot be built here, if so.
pub(crate) fn no_musl() -> Option<String> {
    missing_program(MUSL[0])
}

/// Why the landing page cannot be opened here, if so.
pub(crate) fn no_browser() -> Option<String> {
    missing_program(BROWSER)
}

/// Why clean systems cannot be made here, if so.
pub(crate) fn no_debootstrap() -> Option<String> {
    missing_program(DEBOOTSTRAP)
}

fn missing_program(name: &str) -> Option<String> {
    let absent = workspace::find_program(name).is_none();
    absent.then(|| format!("missing: {name}"))
}

/// Why tests with Prometheus cannot run here, if so.
pub(crate) fn no_prometheus() -> Option<String> {
    program::PROMETHEUS.lack()
}

/// What is missing for a purpose.
struct Missing {
    packages: Vec<&'static str>,
    programs: Vec<&'static Program>,
    components: Vec<&'static str>,
}

impl Missing {
    fn find(purpose: Purpose) -> Self {
        let test = purpose == Purpose::Test;
        let mut packages = Vec::new();
        if test || purpose == Purpose::Build {
            packages.extend(KERNEL_SIDE.into_iter().filter(|name| !is_installed(name)));
        }
        if purpose == Purpose::Arm64 {
            packages.extend(cross::PACKAGES.into_iter().filter(|it| !is_installed(it)));
        }
        if purpose == Purpose::Cluster {
            packages.extend(missing_containers());
        }
        if purpose == Purpose::Cluster && program::KUBERNETES.lack().is_some() {
            let compiler = kubernetes::COMPILER;
            packages.extend(workspace::find_program("go").is_none().then_some(compiler));
        }
        if test {
            let absent = |name: &&str| workspace::find_program(name).is_none();
            packages.extend([STRACE, BROWSER, DEBOOTSTRAP].into_iter().filter(absent));
            packages.extend(no_musl().and(Some(MUSL[1])));
        }
        if test || purpose == Purpose::Real {
            packages.extend(verdicts::missing_packages(test));
        }
        let absent = COMPONENTS
            .into_iter()
            .filter(|(name, _)| test && !has_component(name));
        let (mut components, instead): (Vec<_>, Vec<_>) = absent.unzip();
        if workspace::find_program("rustup").is_none() {
            components.clear();
            packages.extend(instead);
        }
        let programs = program::ALL.into_iter();
        let programs = programs.filter(|it| it.serves.contains(&purpose) && !(it.is_here)());
        Self {
            packages,
            programs: programs.collect(),
            components,
        }
    }

    fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.programs.is_empty() && self.components.is_empty()
    }

    /// Everything but packages goes into folders of the user.
    fn needs_root(&self) -> bool {
        !self.packages.is_empty()
    }

    fn install(&self) -> Result<()> {
        if !self.packages.is_empty() {
            install(apt(&["update"]))?;
            install(self.packages())?;
        }
        for program in &self.programs {
            (program.install)()?;
        }
        if !self.components.is_empty() {
            install(self.components())?;
        }
        Ok(())
    }

    /// The commands that install it by hand, if there are any.
    fn by_hand(&self) -> Option<String> {
        let mut words = Vec::new();
        if !self.packages.is_empty() {
            words.push(shell::display_with_environment(&self.packages()));
        }
        words.extend(self.programs.iter().filter_map(|it| (it.by_hand)()));
        if !self.components.is_empty() {
            words.push(shell::display_with_environment(&self.components()));
        }
        (!words.is_empty()).then(|| words.join(" && "))
    }

    fn packages(&self) -> Command {
        let mut install = apt(&["install", "-y", "--no-install-recommends", "--no-remove"]);
        install.args(&self.packages);
        install
    }

    fn components(&self) -> Command {
        let mut add = Command::new("rustup");
        add.args(["component", "add"]).args(&self.components);
        add
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let programs = self.programs.iter().map(|it| (it.name)());
        let others = self.packages.iter().chain(&self.components);
        let names: Vec<_> = others.map(ToString::to_string).chain(programs).collect();
        f.write_str(&names.join(", "))
    }
}

fn install(mut command: Command) -> Result<()> {
    println!("setup: {}", shell::display(&command));
    shell::run(&mut command)
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

/// Whether `cargo fmt` or `cargo clippy` works.
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
    // New machines often install updates by themselves.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
