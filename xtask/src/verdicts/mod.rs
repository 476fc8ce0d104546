//! Compares verdicts with the truth, for the scenarios and for real programs.

mod matrix;
mod real;

use std::process::ExitCode;

use anyhow::Result;

pub(crate) use self::real::{VENV, install_venv, missing_packages, venv_is_whole};
use crate::cli::Verdicts;

/// `cargo xtask verdicts`.
pub(crate) fn main(options: &Verdicts) -> Result<ExitCode> {
    match &options.real {
        None => matrix::main(),
        Some(_) if options.list => real::list(),
        Some(names) => real::main(names, options),
    }
}
