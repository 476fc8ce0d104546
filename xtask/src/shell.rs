//! Runs other programs.

use std::io::{self, ErrorKind};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Runs a command with our stdout and stderr.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = started(command.stdin(Stdio::null()).status(), command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", display(command));
    }
    Ok(())
}

/// Runs a command and returns its stdout.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let name = display(command);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = started(command.output(), command)?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("read the output of `{name}`"))
}

/// What came of starting a command, or an error that says why it did not start.
fn started<T>(result: io::Result<T>, command: &Command) -> Result<T> {
    let program = command.get_program().to_string_lossy();
    // It may also be the working directory that is missing.
    let not_found = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    if result.as_ref().is_err_and(not_found) && workspace::find_program(&program).is_none() {
        bail!("missing: {program}; install it, or add its directory to PATH");
    }
    result.with_context(|| format!("run `{}`", display(command)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_named() {
        for program in ["no-such-program", "/no/such/program"] {
            let error = run(Command::new(program).arg("x")).expect_err("it is missing");
            let error = format!("{error:#}");
            assert!(
                error.starts_with(&format!("missing: {program};")),
                "{error}"
            );
        }
        let error = run(Command::new("true").current_dir("/no/such/folder"));
        let error = format!("{:#}", error.expect_err("the folder is missing"));
        assert!(error.starts_with("run `true`: "), "{error}");
    }
}
