//! The command line. `--help` is the reference that users read, so its words live here.

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
pub use probes::{ProbeArgs, Rung};
pub use recordings::{RecordArgs, ReplayArgs, ReplayView};
pub use top::{TopArgs, TopView, ViewName, misused};
pub use url::Url;
pub use values::{OrNone, pid, seconds};
pub use watch::WatchArgs;

/// Where the agent's Unix socket is, unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/reapwatch/reapwatch.sock";

const EXAMPLES: &str = "\
Examples:
  sudo reapwatch top                          who keeps zombies, live
  sudo reapwatch zombies                      who is dead and unreaped now
  sudo reapwatch culprits                     who does not reap, why, and what to do
  sudo reapwatch explain 1234                 the whole story of one process
  sudo reapwatch stuck                        who was killed but never exits, why, and what to do
  sudo reapwatch exits --for 10s              every death of the next ten seconds
  reapwatch zombies --json | jq '.items[].parent.comm'
  reapwatch zombies --fail || page-someone    exit status 3 when there are zombies
  reapwatch top --url http://web-1:9991       look at another machine's agent
  reapwatch top --url https://me@web-1:9991   the same, encrypted and by password
  reapwatch top --prometheus http://prom:9090 look at a whole cluster

Where the figures come from:
  A viewing command asks the agent at --url or --socket. With neither given and no agent at
  the usual socket it runs an agent inside itself, which needs root (or CAP_BPF and
  CAP_PERFMON). It says on stderr which of the two it did. With no agent, culprits, zombies,
  explain and stuck watch for up to 3 seconds before they judge (--watch). With --prometheus, top, culprits and
  zombies show nodes and workloads of all agents that a Prometheus scrapes; in Kubernetes,
  `kubectl reapwatch --node NODE COMMAND` asks the agent of one node.

Exit status:
  0  looked, and found nothing wrong
  1  an error; `doctor`: the main job cannot run here
  2  bad usage
  3  with --fail: found something

Environment:
  NO_COLOR     no colour, whatever the terminal (--color always overrides it)
  REAPWATCH_PASSWORD
               password of the user in --url
  LC_ALL, LC_CTYPE, LANG
               a locale that is not UTF-8 gets plain ASCII
  RUST_LOG     what is logged on stderr, such as debug or reapwatch=debug";

/// Commands that have a page.
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
    /// What to do.
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
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

/// One command of `reapwatch`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: load the probes, serve HTTP and a Unix socket
    #[command(after_help = "\
Examples:
  sudo reapwatch agent
  sudo reapwatch agent --listen 0.0.0.0:9991      let Prometheus on another machine scrape it
  sudo reapwatch agent --listen 0.0.0.0:9991 --web.config.file web.yml
                                                  the same, encrypted and by password
  sudo reapwatch agent --listen none              only the Unix socket")]
    Agent(AgentArgs),
    /// Live view of who keeps zombies and how fast parents reap
    #[command(after_help = "\
Filters compare fields with values and join them by `and`, `or` and parentheses:
  fields      pid, comm, parent, zombies, oldest (or age), leak, reaps
              with --prometheus: node, ns, pod, container, unit, why, zombies, stale, growth (an
              hour), oldest, exits, late, stuck, pids, lost
  operators   = != > < >= <=, and ~ for text that contains another (any case)
  durations   500ms, 10s, 5m, 2h; a bare number is seconds

Examples:
  sudo reapwatch top
  sudo reapwatch top --filter 'oldest>10s and comm~java'
  sudo reapwatch top -b -n 3 -d 5s                three frames as text, five seconds apart
  sudo reapwatch top --json | jq '.items[0].parents[0]'
  reapwatch top --prometheus http://prom:9090 --filter 'stale>0 or pids>80%'
  reapwatch top --prometheus http://prom:9090 --view workloads

Press ? in the live view for its keys.")]
    Top(TopArgs),
    /// Follow deaths, one line per process once it has been reaped
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
  reapwatch zombies --fail                        exit status 3 when there are any
  reapwatch zombies --prometheus http://prom:9090 counts by workload, of a whole cluster")]
    Zombies(ZombiesArgs),
    /// List processes that do not reap their children, why, and what to do; worst first
    #[command(after_help = "\
Zombies younger than 2 s are ignored. Each verdict says how sure it is: certain, likely or guess.

Examples:
  sudo reapwatch culprits
  reapwatch culprits --json | jq '.items[] | [.process.pid, .verdict.id]'
  reapwatch culprits --fail                       exit status 3 when there are any
  reapwatch culprits --prometheus http://prom:9090
                                                  workloads with stale zombies, of a whole cluster")]
    Culprits(CulpritsArgs),
    /// Explain one process, dead or alive, on one page
    #[command(after_help = "\
PID is the number on this host. A running agent remembers the deaths of the last five minutes;
without one, only those since this command started are known.

Examples:
  sudo reapwatch explain 1234
  reapwatch explain 1234 --json | jq -r '.summary, .verdict.remedy'
  reapwatch explain 1234 --json | jq '.timeline[]'")]
    Explain(ExplainArgs),
    /// List processes that were killed or are exiting but never finish, why, and what to do
    #[command(after_help = "\
Each process with the step of its exit, its threads with their kernel stacks, and what it waits for:
a FUSE connection and its server, a core dump's reader, a tracer, a PID namespace, a frozen cgroup.

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
    /// Save all events to a file, to look at later or elsewhere
    #[command(after_help = "\
The file is text: names of processes, their numbers, times and users; no command lines. It grows
by about half a KB per death, until Ctrl-C ends it.

Examples:
  sudo reapwatch record deaths.trace              until Ctrl-C
  sudo reapwatch record deaths.trace --for 10s
  sudo reapwatch record deaths.trace --json       print each death beside, as `exits --json` does")]
    Record(RecordArgs),
    /// Run a view over a recorded file, without privileges
    #[command(after_help = "\
Lists show the state at the end of the recording, in the times of the host that recorded. Verdicts
are those made while recording; a recording of an older release has none. Living processes are
those that the last comparison with all processes showed.

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
        /// The page of one command instead of the whole
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
    /// Group that may use the socket beside the agent's own user
    #[arg(long, value_name = "GROUP")]
    pub socket_group: Option<String>,
    /// TLS and users of the HTTP server, in the format that all exporters share
    #[arg(
        long = "web.config.file",
        alias = "web-config-file",
        value_name = "FILE"
    )]
    pub web_config: Option<PathBuf>,
    /// Age from which a zombie counts as stale
    #[arg(long, value_name = "DURATION", default_value = "30s",
          value_parser = values::stale_age)]
    pub stale_after: Duration,
    /// How many pods, containers and units have metrics of their own; the others share `~other`
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_groups: usize,
    /// Names of pods.
    #[command(flatten)]
    pub names: NameArgs,
    /// How to probe.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Where a view of a host has its figures from.
#[derive(Clone, Debug, Args)]
pub struct FromArgs {
    /// Which agent.
    #[command(flatten)]
    pub agent: ViewArgs,
    /// How the one inside this command probes, where there is no other.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Which agent a view asks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which agent to ask")]
pub struct ViewArgs {
    /// Ask the agent at this URL, and no other
    #[arg(long, value_name = "http[s]://[USER@]HOST:PORT", value_parser = url::parse,
          conflicts_with = "socket")]
    pub url: Option<Url>,
    /// Password of the user in --url; REAPWATCH_PASSWORD or USER:PASSWORD in the URL do too
    #[arg(long, value_name = "FILE", requires = "url")]
    pub password_file: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca_file: Option<PathBuf>,
    /// Skip certificate verification
    #[arg(long, requires = "url", conflicts_with = "ca_file")]
    pub insecure: bool,
    /// Ask the agent at this Unix socket, and no other
    #[arg(long, value_name = "PATH", help = format!(
        "Ask the agent at this Unix socket, and no other [usual: {DEFAULT_SOCKET}]"))]
    pub socket: Option<PathBuf>,
    /// A recording to look at instead.
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
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub duration: Option<Duration>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub from: FromArgs,
}

/// Options of `zombies`.
#[derive(Clone, Debug, Args)]
pub struct ZombiesArgs {
    /// Exit with status 3 when there are zombies
    #[arg(long)]
    pub fail: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// How long to look.
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
    /// Exit with status 3 when there are culprits
    #[arg(long)]
    pub fail: bool,
    /// Print one line for each, without the stories
    #[arg(long, conflicts_with = "json")]
    pub table: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// How long to look.
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
    /// Which process
    #[arg(value_parser = values::pid)]
    pub pid: u32,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// How long to look.
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
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    pub threshold: Duration,
    /// Exit with status 3 when there are any
    #[arg(long)]
    pub fail: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// How long to look.
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
