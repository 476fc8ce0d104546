//! The command lines of `record` and `replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{CulpritsArgs, ExitsArgs, ExplainArgs, ProbeArgs, TopArgs, ZombiesArgs};

/// Options of `record`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// The file to create
    pub file: PathBuf,
    /// Stop after this many deaths
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = api::parse_duration)]
    pub duration: Option<Duration>,
    /// Print each recorded death too, one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// How to probe.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Options of `replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The recorded file
    pub file: PathBuf,
    /// The view; `exits` by default.
    #[command(subcommand)]
    pub view: Option<ReplayView>,
}

/// A view that takes a recording.
#[derive(Clone, Debug, Subcommand)]
pub enum ReplayView {
    /// List all deaths: one line per process once it was reaped
    Exits(ExitsArgs),
    /// List the zombies at the end of the recording
    Zombies(ZombiesArgs),
    /// List processes that had not reaped their children at the end
    Culprits(CulpritsArgs),
    /// Explain one process
    Explain(ExplainArgs),
    /// Show the end of the recording in the live view
    Top(TopArgs),
}
