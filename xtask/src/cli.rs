//! The command line.

use clap::{Parser, Subcommand};

/// Builds, runs and tests reapwatch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the kernel side into ebpf/prebuilt
    Ebpf {
        /// Rebuild from source in another folder and compare bytes; change nothing
        #[arg(long)]
        check: bool,
    },
}
