//! The command line and its help texts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod fleet;
mod names;
mod probes;
mod recordings;
mod top;
mod url;
mod values;
mod watch;

pub use fleet::FleetArgs;
pub use names::{NameArgs, PodNames};
pub use probes::{HookKind, ProbeArgs};
pub use recordings::{RecordArgs, ReplayArgs, ReplayView};
pub use top::{TopArgs, TopView, ViewName, misused};
pub use url::Url;
pub use values::OrNone;
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

/// Commands that have a manual page.
const PAGES: [&str; 12] = [
    "agent",
    "top",
    "exits",
    "zombies",
    "culprits",
    "explain",
    "stuck",
    "doctor",
    "record",
    "replay",
    "completions",
    "man",
];

/// Measures how processes die: exit latency, zombie time, and the parents that never reap
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
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

/// One command of `reapwatch`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: load the probes, serve HTTP and a Unix socket
    #[command(after_help = "\
Examples:
  sudo reapwatch agent
  sudo reapwatch agent --listen 0.0.0.0:9991      so that Prometheus elsewhere can scrape it
  sudo reapwatch agent --listen 0.0.0.0:9991 --web.config.file web.yml
                                                  the same, with TLS and passwords
  sudo reapwatch agent --listen none              only the Unix socket")]
    Agent(AgentArgs),
    /// Live view of parents: the zombies they hold and how fast they reap
    #[command(after_help = "\
Filters compare fields with values; combine them with `and`, `or` and parentheses:
  fields      pid, comm, parent, zombies, oldest (or age), leak, reaps
              with --prometheus: node, ns, pod, container, unit, why, zombies, stale, growth (per
              hour), oldest, exits, late, stuck, pids, lost
  operators   = != > < >= <=, and ~ for contains (ignores case)
  durations   500ms, 10s, 5m, 2h; a bare number is seconds

Examples:
  sudo reapwatch top
  sudo reapwatch top --filter 'oldest>10s and comm~java'
  sudo reapwatch top -b -n 3 -d 5s                three frames as text, five seconds apart
  sudo reapwatch top --json | jq '.items[0].parents[0]'
  reapwatch top --prometheus http://prom:9090 --filter 'stale>0 or pids>80%'
  reapwatch top --prometheus http://prom:9090 --view workloads

Press ? in the live view for the list of keys.")]
    Top(TopArgs),
    /// Follow deaths: one line per process once it is reaped
    #[command(after_help = "\
Examples:
  sudo reapwatch exits                            until Ctrl-C
  sudo reapwatch exits --count 100 --json         one JSON object per line
  sudo reapwatch exits --for 10s")]
    Exits(ExitsArgs),
    /// List zombies, oldest first
    #[command(after_help = "\
Examples:
  sudo reapwatch zombies
  reapwatch zombies --filter 'oldest>1m' --sort parent --limit 20
  reapwatch zombies --fail                        exit status 3 when there are any
  reapwatch zombies --prometheus http://prom:9090 counts by workload for a whole cluster")]
    Zombies(ZombiesArgs),
    /// List processes that do not reap their children, why, and what to do; worst first
    #[command(after_help = "\
Zombies younger than 2 s are ignored. Each verdict has a confidence: certain, likely or guess.

Examples:
  sudo reapwatch culprits
  reapwatch culprits --json | jq '.items[] | [.process.pid, .verdict.id]'
  reapwatch culprits --fail                       exit status 3 when there are any
  reapwatch culprits --prometheus http://prom:9090
                                                  workloads with stale zombies in a cluster")]
    Culprits(CulpritsArgs),
    /// Explain one process, dead or alive, on one page
    #[command(after_help = "\
PID is the number on this host. A running agent remembers deaths for five minutes; without one,
the command knows only the deaths since it started.

Examples:
  sudo reapwatch explain 1234
  reapwatch explain 1234 --json | jq -r '.summary, .verdict.remedy'
  reapwatch explain 1234 --json | jq '.timeline[]'")]
    Explain(ExplainArgs),
    /// List processes that were killed or are exiting but never finish, why, and what to do
    #[command(after_help = "\
For each process: the step of its exit, its threads with kernel stacks, and what it waits for, such
as a FUSE server, the reader of a core dump, a tracer, a PID namespace or a frozen cgroup.

Examples:
  sudo reapwatch stuck
  sudo reapwatch stuck --threshold 1s
  reapwatch stuck --json | jq '.items[] | [.pid, .step, .verdict.remedy]'
  reapwatch stuck --fail                          exit status 3 when there are any")]
    Stuck(StuckArgs),
    /// Show what this kernel and these privileges allow
    #[command(after_help = "\
Examples:
  sudo reapwatch doctor
  reapwatch doctor --json | jq '.probes[] | select(.lost)'")]
    Doctor(DoctorArgs),
    /// Save all events to a file, for viewing later or elsewhere
    #[command(after_help = "\
The file is text: process names, PIDs, times and uids; no command lines. It grows by about half a
KB per death until you press Ctrl-C.

Examples:
  sudo reapwatch record deaths.trace              until Ctrl-C
  sudo reapwatch record deaths.trace --for 10s
  sudo reapwatch record deaths.trace --json       print each death too, as `exits --json` does")]
    Record(RecordArgs),
    /// Run a view over a recorded file, without privileges
    #[command(after_help = "\
Lists show the state at the end of the recording, with the times of the recorded host. Verdicts
are those made while recording; a recording from an older release has none. Living processes are
those in the last snapshot of the recording.

Examples:
  reapwatch replay deaths.trace                   every death, as `exits` shows it
  reapwatch replay deaths.trace exits --json
  reapwatch replay deaths.trace culprits
  reapwatch replay deaths.trace explain 1234")]
    Replay(ReplayArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  reapwatch completions bash > /etc/bash_completion.d/reapwatch
  reapwatch completions zsh > \"${fpath[1]}/_reapwatch\"
  reapwatch completions fish > ~/.config/fish/completions/reapwatch.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "\
Examples:
  reapwatch man | man -l -
  reapwatch man top > reapwatch-top.1")]
    Man {
        /// Print the page of this command instead of the main page
        #[arg(value_parser = PAGES)]
        command: Option<String>,
    },
}

/// Options of the daemon.
#[derive(Clone, Debug, Args)]
pub struct AgentArgs {
    /// Address of the HTTP server, or `none`
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
    pub replay: Option<PathBuf>,
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
    #[arg(long, value_name = "FILTER", conflicts_with = "prometheus")]
    pub filter: Option<String>,
    /// Sort by this field instead of worst first
    #[arg(long, value_name = "FIELD", conflicts_with = "prometheus")]
    pub sort: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N", conflicts_with = "prometheus")]
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
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
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
    /// Print one line per process, without details
    #[arg(long, conflicts_with = "json")]
    pub table: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
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
    /// Exit with status 3 when there are any
    #[arg(long)]
    pub fail: bool,
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
