//! Options of `top`.

use std::fmt;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{FleetArgs, FromArgs, values};

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
    /// Time between frames [default: 1s, or what was chosen on the screen last time]
    #[arg(short, long, value_name = "DURATION", value_parser = values::interval)]
    pub delay: Option<Duration>,
    /// Show only rows that match, such as 'oldest>10s and comm~java'
    #[arg(short, long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Sort by this column, such as oldest or leak/s
    #[arg(short, long, value_name = "COLUMN")]
    pub sort: Option<String>,
    /// Show idle rows too, such as parents without zombies
    #[arg(short, long)]
    pub idle: bool,
    /// View to start with, or to print [default: culprits; with --prometheus: nodes]
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

/// A view of `top`, of a host or of a whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// Parents that hold zombies or reap children
    Culprits,
    /// The zombies themselves
    Zombies,
    /// Pods, containers and units; with --prometheus on all nodes
    Workloads,
    /// Processes that were killed or are exiting but never finish
    Stuck,
    /// The agent itself
    Agent,
    /// With --prometheus: the nodes of a cluster
    Nodes,
}

impl fmt::Display for ViewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no value is skipped");
        f.write_str(value.get_name())
    }
}
