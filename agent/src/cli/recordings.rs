//! The command lines of `record` and `replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{CulpritsArgs, ExitsArgs, ExplainArgs, ProbeArgs, TopArgs, ZombiesArgs, values};

/// Options of `record`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// The file to make
    pub file: PathBuf,
    /// End after so many deaths
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
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
    /// What to look at it with; `exits` unless said otherwise.
    #[command(subcommand)]
    pub view: Option<ReplayView>,
}

/// A view that takes a recording.
#[derive(Clone, Debug, Subcommand)]
pub enum ReplayView {
    /// List all deaths, one line per process after it was reaped
    Exits(ExitsArgs),
    /// List who was dead and unreaped at the end
    Zombies(ZombiesArgs),
    /// Say who had not reaped at the end
    Culprits(CulpritsArgs),
    /// Tell the story of one process
    Explain(ExplainArgs),
    /// Show the end in the live view's screen
    Top(TopArgs),
}
