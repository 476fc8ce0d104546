//! Feeds the parsers with damaged input for a while; `crates/fuzz` makes it.

use std::process::ExitCode;

use anyhow::Result;

use crate::{shell, statics};

/// `cargo xtask fuzz`.
pub(crate) fn main(seconds: u64, name: &str) -> Result<ExitCode> {
    let mut tests = statics::cargo_for_tests("test");
    tests.args(["--lib", "--bins", "--no-fail-fast", "--", name]);
    shell::run(tests.env("REAPWATCH_FUZZ", seconds.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
