//! The programs that the cases need.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::case::{self, Case};
use crate::{shell, workspace};

/// Programs and their Debian packages.
const PROGRAMS: [(&str, &str); 30] = [
    ("bash", "bash"),
    ("busybox", "busybox"),
    ("cc", "gcc"),
    ("cron", "cron"),
    ("dumb-init", "dumb-init"),
    ("flock", "util-linux"),
    ("gdb", "gdb"),
    ("git", "git"),
    ("go", "golang-go"),
    ("java", "default-jre-headless"),
    ("javac", "default-jdk-headless"),
    ("nginx", "nginx-light"),
    ("node", "nodejs"),
    ("nsenter", "util-linux"),
    ("perl", "perl-base"),
    ("php", "php-cli"),
    ("php-fpm8.2", "php-fpm"),
    ("pg_ctlcluster", "postgresql"),
    ("python3", "python3"),
    ("redis-server", "redis-server"),
    ("ruby", "ruby"),
    ("s6-svscan", "s6"),
    ("setpriv", "util-linux"),
    ("sftp-server", "openssh-sftp-server"),
    ("sshfs", "sshfs"),
    ("strace", "strace"),
    ("tini", "tini"),
    ("tmux", "tmux"),
    ("unshare", "util-linux"),
    ("xargs", "findutils"),
];

/// Python packages to install into our own virtual environment.
pub(crate) const VENV: [&str; 3] = ["gunicorn", "pexpect", "supervisor"];

/// Packages of programs that are not installed, for all cases or the quick ones.
pub(crate) fn missing_packages(quick: bool) -> Vec<&'static str> {
    let cases = case::all().unwrap_or_default();
    let cases = cases.iter().filter(|case| case.sheet.quick || !quick);
    let needs = cases.flat_map(|case| &case.sheet.needs);
    let absent = needs.filter(|need| !need.starts_with("pip:") && !is_here(need));
    let mut packages: Vec<_> = absent.filter_map(|need| package(need)).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Whether all Python packages are installed.
pub(crate) fn venv_is_whole() -> bool {
    VENV.into_iter().all(has_module)
}

/// Installs the Python packages.
pub(crate) fn install_venv() -> Result<()> {
    let folder = venv();
    let mut make = Command::new("python3");
    shell::run(make.args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    shell::run(pip.args(["-m", "pip", "install", "--quiet"]).args(VENV))
}

/// The virtual environment.
pub(super) fn venv() -> PathBuf {
    workspace::cache("real").join("venv")
}

/// The package of a program that a case needs.
pub(super) fn package(need: &str) -> Option<&'static str> {
    if let Some(name) = need.strip_prefix("pip:") {
        return VENV.into_iter().find(|package| *package == name);
    }
    let (_, package) = PROGRAMS.into_iter().find(|(program, _)| *program == need)?;
    Some(package)
}

/// Why a case cannot run here, if so.
pub(super) fn lack(case: &Case) -> Option<String> {
    for need in &case.sheet.needs {
        let package = package(need).unwrap_or("an unknown package");
        if !is_here(need) {
            return Some(format!("missing: {package}"));
        }
    }
    let asked = case.sheet.unless.as_ref()?;
    let output = Command::new("sh")
        .args(["-c", asked])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let reason = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!reason.is_empty()).then_some(reason)
}

/// Whether what a case needs is installed.
pub(super) fn is_here(need: &str) -> bool {
    match need.strip_prefix("pip:") {
        Some(name) => has_module(name),
        None if need == "sftp-server" => PathBuf::from("/usr/lib/openssh/sftp-server").exists(),
        None => workspace::find_program(need).is_some(),
    }
}

fn has_module(name: &str) -> bool {
    Command::new(venv().join("bin/python"))
        .args(["-c", &format!("import {name}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
