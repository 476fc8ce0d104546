//! Builds the agent and runs it.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{host, shell, workspace};

/// `cargo xtask run`.
pub(crate) fn run(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        arguments.push("top".into());
    }
    let agent = build_agent()?;
    let mut command = elevate(agent);
    let error = command.args(arguments).exec();
    Err(error).with_context(|| format!("run `{}`", shell::display(&command)))
}

/// Builds the agent for a release and returns its path.
pub(crate) fn build_agent() -> Result<PathBuf> {
    build_release("reapwatch")
}

/// Builds the program of a package for a release and returns its path.
pub(crate) fn build_release(package: &str) -> Result<PathBuf> {
    let mut build = Command::new(workspace::cargo());
    build
        .current_dir(workspace::root())
        .args(["build", "--release", "--locked", "--package"]);
    shell::run(build.arg(package))?;
    Ok(workspace::target_dir().join("release").join(package))
}

/// A command that runs `program` as root if possible.
fn elevate(program: PathBuf) -> Command {
    if host::is_root() {
        return Command::new(program);
    }
    let Some(sudo) = workspace::find_program("sudo") else {
        eprintln!(
            "xtask: not root and sudo is not installed; this only works if an agent is already running"
        );
        return Command::new(program);
    };
    let mut command = Command::new(sudo);
    if !std::io::stdin().is_terminal() {
        // There is no terminal for a password.
        command.arg("--non-interactive");
    }
    command.arg(program);
    command
}
