//! Builds, runs and tests reapwatch: `cargo xtask --help`.

mod cli;
mod ebpf;
mod shell;
mod sidecar;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Ebpf { check: false } => ebpf::build(),
        Command::Ebpf { check: true } => ebpf::check(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
