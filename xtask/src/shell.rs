//! Runs other programs.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command with our stdout and stderr.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = display(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("run `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns its stdout.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let name = display(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("read the output of `{name}`"))
}

/// Whether a command succeeds; its output is not shown.
pub(crate) fn is_success(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = quiet.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The command line.
pub(crate) fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The command line with the variables that we set.
pub(crate) fn display_with_environment(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut words: Vec<_> = set
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
        .collect();
    words.push(display(command));
    words.join(" ")
}
