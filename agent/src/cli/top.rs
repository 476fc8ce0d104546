//! Options of `top`.

use std::fmt::Display;
use std::time::Duration;

use clap::{Args, CommandFactory, ValueEnum};

use model::filter::Filter;

use super::{Cli, FleetArgs, FromArgs, values};

/// Options of `top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Print frames as text instead of drawing a screen
    #[arg(short, long)]
    pub batch: bool,
    /// Stop after this many frames
    #[arg(short = 'n', long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub iterations: Option<u64>,
    /// Time between frames
    #[arg(short, long, value_name = "DURATION", default_value = "1s",
          value_parser = values::interval)]
    pub delay: Duration,
    /// Show only rows that match, such as 'oldest>10s and comm~java'
    #[arg(short, long, value_name = "FILTER", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Table to start with, or to print [default: culprits; with --prometheus: nodes]
    #[arg(long, value_name = "VIEW")]
    pub view: Option<ViewName>,
    /// Print each frame as a JSON document; one frame unless -n is given
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
    /// Which cluster.
    #[command(flatten)]
    pub fleet: FleetArgs,
}

/// A table of `top`, of a host or of a whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// Parents that hold zombies or reap children
    Culprits,
    /// The zombies themselves
    Zombies,
    /// With --prometheus: the nodes of a cluster
    Nodes,
    /// With --prometheus: containers and units on all nodes
    Workloads,
}

/// A table of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopView {
    /// Parents that hold zombies or reap children.
    Culprits,
    /// The zombies themselves.
    Zombies,
}

/// Exits like clap for a usage error that clap itself cannot detect.
pub fn misused(why: impl Display) -> ! {
    let kind = clap::error::ErrorKind::ValueValidation;
    let mut command = Cli::command().override_usage("reapwatch [OPTIONS] <COMMAND>");
    command.error(kind, why).exit()
}
