//! The options of each command, and the help of the whole.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

mod fleet;
mod moment;
mod names;
mod output;
mod probes;
mod recordings;
mod top;
mod url;
mod usage;
mod values;
mod watch;

pub use fleet::FleetArgs;
pub use moment::Moment;
pub use names::{NameArgs, PodNames};
pub use output::{Format, OutputArgs};
pub use probes::{HookKind, ProbeArgs};
pub use recordings::{RecordArgs, ReplayArgs, ReplayView};
pub use top::TopArgs;
pub use url::Url;
pub use usage::{filter_for, misused};
pub use values::{OrNone, interval};
pub use watch::WatchArgs;

/// The default path of the agent's Unix socket.
pub const DEFAULT_SOCKET: &str = "/run/reapwatch/reapwatch.sock";

const EXAMPLES: &str = "\
Examples:
  sudo reapwatch top                          parents that hold zombies, live
  sudo reapwatch zombies                      current zombies
  sudo reapwatch culprits                     parents that do not reap, why, and what to do
  sudo reapwatch explain 1234                 the history of one process
  sudo reapwatch stuck                        processes that were killed but never exit
  sudo reapwatch exits --for 10s              every death in the next ten seconds
  reapwatch zombies --json | jq '.items[].parent.comm'
  reapwatch zombies --fail || page-someone    exit status 3 when there are zombies
  reapwatch top --url http://web-1:9991       ask the agent of another machine
  reapwatch top --url https://me@web-1:9991   the same, with TLS and a password
  reapwatch top --prometheus http://prom:9090 show a whole cluster

Where the data comes from:
  A view asks the agent at --url or --socket. Without these options it asks the agent at the
  default socket; if there is none, it runs an agent inside itself, which needs root (or CAP_BPF
  and CAP_PERFMON). A line on stderr shows which one it used. Without an agent, culprits, zombies,
  explain and stuck watch for up to 3 seconds before judging (--watch). With --prometheus, top,
  culprits and zombies show the nodes and workloads of all agents that a Prometheus scrapes. In
  Kubernetes, `kubectl reapwatch --node NODE COMMAND` asks the agent of one node.

Exit status:
  0  success
  1  error; for `doctor`: reapwatch cannot run here
  2  wrong usage
  3  with --fail: there were results

Environment:
  NO_COLOR     turns colour off (--color always overrides it)
  REAPWATCH_PASSWORD
               password of the user in --url
  LC_ALL, LC_CTYPE, LANG
               if the locale is not UTF-8, output is plain ASCII
  RUST_LOG     log level on stderr, such as debug or reapwatch=debug";

/// Measures how processes die: exit latency, zombie time, and the parents that never reap
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

/// These options with their defaults.
pub fn defaults<A: Args>() -> A {
    let command = A::augment_args(clap::Command::new("defaults"));
    A::from_arg_matches(&command.get_matches_from(["defaults"])).expect("no option is required")
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always, even into a pipe
    Always,
    /// Never
    Never,
}

/// Options of the daemon.
#[derive(Clone, Debug, Args)]
pub struct AgentArgs {
    /// Address of the HTTP server, or `none`. Clients on other hosts get only metrics and health,
    /// unless --web.config.file authenticates them
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9991",
          value_parser = values::listen)]
    pub listen: OrNone<SocketAddr>,
    /// Path of the Unix socket, or `none`
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET,
          value_parser = values::socket)]
    pub socket: OrNone<PathBuf>,
    /// Group that may use the socket, in addition to the agent's own user
    #[arg(long, value_name = "GROUP")]
    pub socket_group: Option<String>,
    /// File with TLS and users for the HTTP server, in the format of exporter-toolkit
    #[arg(
        long = "web.config.file",
        alias = "web-config-file",
        value_name = "FILE"
    )]
    pub web_config: Option<PathBuf>,
    /// Age at which a zombie counts as stale
    #[arg(long, value_name = "DURATION", default_value = "30s",
          value_parser = values::stale_age)]
    pub stale_after: Duration,
    /// Maximum number of pods, containers and units with their own metrics; the rest share `~other`
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_groups: usize,
    /// Where pod names come from.
    #[command(flatten)]
    pub names: NameArgs,
    /// How to probe.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Where a view of a host gets its data.
#[derive(Clone, Debug, Args)]
pub struct FromArgs {
    /// Which agent.
    #[command(flatten)]
    pub agent: ViewArgs,
    /// Probe options of the agent inside this command.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Which agent a view asks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which agent to ask")]
pub struct ViewArgs {
    /// Ask only the agent at this URL
    #[arg(long, value_name = "http[s]://[USER@]HOST:PORT", value_parser = url::parse,
          conflicts_with = "socket")]
    pub url: Option<Url>,
    /// File with the password of the user in --url; REAPWATCH_PASSWORD works too
    #[arg(long, value_name = "FILE", requires = "url")]
    pub password_file: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca_file: Option<PathBuf>,
    /// Skip certificate verification
    #[arg(long, requires = "url", conflicts_with = "ca_file")]
    pub insecure: bool,
    /// Ask only the agent at this Unix socket
    #[arg(long, value_name = "PATH", help = format!(
        "Ask only the agent at this Unix socket [default: {DEFAULT_SOCKET}]"))]
    pub socket: Option<PathBuf>,
    /// A recording to read instead.
    #[arg(skip)]
    pub replay: Option<Recording>,
}

/// A recording, and the moment at which it is looked at.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The file.
    pub file: PathBuf,
    /// The moment; the end, or for the screen of `top` the start, unless given.
    pub at: Option<Moment>,
}

/// Options of `exits`.
#[derive(Clone, Debug, Args)]
pub struct ExitsArgs {
    /// Run until stopped; this is the default
    #[arg(long)]
    pub follow: bool,
    /// Stop after this many deaths
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = api::parse_duration)]
    pub duration: Option<Duration>,
    /// Print only deaths that match, such as 'exit=SIGKILL and ns=prod'
    #[arg(short, long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Print only deaths that took at least this long from a fatal signal to the death, for the
    /// exit or as a zombie
    #[arg(long, value_name = "DURATION", value_parser = api::parse_duration)]
    pub slow: Option<Duration>,
    /// Count the deaths of each workload, and print the sums at the end
    #[arg(long, conflicts_with = "json")]
    pub by_workload: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
}

/// Which items of a list are shown.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Show only items that match, such as 'oldest>10s and comm~java'
    #[arg(short, long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Sort by this field instead of worst first
    #[arg(long, value_name = "FIELD")]
    pub sort: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N", value_parser = values::limit)]
    pub limit: Option<usize>,
}

impl ListArgs {
    /// As the API takes them.
    pub fn list(&self) -> api::List {
        api::List {
            limit: self.limit,
            sort: self.sort.clone().map(api::OrOther::named),
            filter: self.filter.clone(),
        }
    }
}

/// Options of `zombies`.
#[derive(Clone, Debug, Args)]
pub struct ZombiesArgs {
    /// Which zombies.
    #[command(flatten)]
    pub list: ListArgs,
    /// Exit with status 3 when there are zombies
    #[arg(long)]
    pub fail: bool,
    /// In which form.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How long to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
    /// Which cluster.
    #[command(flatten)]
    pub fleet: FleetArgs,
}

/// Options of `culprits`.
#[derive(Clone, Debug, Args)]
pub struct CulpritsArgs {
    /// Which culprits.
    #[command(flatten)]
    pub list: ListArgs,
    /// Exit with status 3 when there are culprits
    #[arg(long)]
    pub fail: bool,
    /// Print one line per process, without details; the same as -o table
    #[arg(long, conflicts_with_all = ["json", "output"])]
    pub table: bool,
    /// In which form.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How long to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
    /// Which cluster.
    #[command(flatten)]
    pub fleet: FleetArgs,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// PID of the process
    #[arg(value_parser = values::pid)]
    pub pid: u32,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// How long to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
}

/// Options of `stuck`.
#[derive(Clone, Debug, Args)]
pub struct StuckArgs {
    /// How long an exit may take before it counts as stuck
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = api::parse_duration)]
    pub threshold: Duration,
    /// Which of them.
    #[command(flatten)]
    pub list: ListArgs,
    /// Exit with status 3 when there are any
    #[arg(long)]
    pub fail: bool,
    /// In which form.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How long to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
}

/// Options of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
}

#[cfg(test)]
mod tests;
