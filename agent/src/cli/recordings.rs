//! The command lines of `record` and `replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values;
use super::{
    CulpritsArgs, ExitsArgs, ExplainArgs, Moment, ProbeArgs, StuckArgs, TopArgs, ZombiesArgs,
};

/// Options of `record`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// The file to create; one whose name ends with .gz is compressed
    pub file: PathBuf,
    /// Stop before the file gets larger than this
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = values::bytes)]
    pub max_size: u64,
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
    /// Show the state at this moment instead of the end: 90s after the start, -30s before the end,
    /// or a time of day in UTC such as 03:11:22
    #[arg(long, value_name = "MOMENT", global = true, allow_hyphen_values = true)]
    pub at: Option<Moment>,
    /// The view; `exits` by default.
    #[command(subcommand)]
    pub view: Option<ReplayView>,
}

/// A view that takes a recording.
#[derive(Clone, Debug, Subcommand)]
pub enum ReplayView {
    /// List all deaths: one line per process once it was reaped
    Exits(ExitsArgs),
    /// List the zombies at the end of the recording, or at another moment
    Zombies(ZombiesArgs),
    /// List processes that had not reaped their children at the end, or at another moment
    Culprits(CulpritsArgs),
    /// Explain one process
    Explain(ExplainArgs),
    /// List processes that were killed or exiting and did not finish, without kernel stacks
    Stuck(StuckArgs),
    /// Print the metrics of the recording, in the format of /metrics
    Metrics,
    /// Play the recording in the live view
    Top(TopArgs),
}
