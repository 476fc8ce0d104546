//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::setup::Purpose;

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
    /// Build the agent and run it, as root where possible: `top` unless told otherwise
    Run {
        /// What reapwatch gets, such as `-- exits --count 20 --json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run every test that this machine can; as root on Debian it installs what they need first
    Test,
    /// Run the deaths with known truth on Debian's kernels, each in a virtual machine
    Vm(Vm),
    /// Build the kernel side into ebpf/prebuilt
    Ebpf {
        /// Rebuild from source in another folder and compare bytes; change nothing
        #[arg(long)]
        check: bool,
    },
    /// Write the dashboards from their description in xtask/src/dashboards
    Dashboards(Dashboards),
    /// Write the manifests that are made from dashboards and rules
    Deploy {
        /// Render all manifests and check them and the systemd unit; change nothing
        #[arg(long)]
        check: bool,
    },
    /// Build a container image, without a daemon, as an archive that `ctr`, `skopeo`, `podman` load
    Image(Image),
    /// Build a Debian package (Debian, with cargo-deb)
    Deb {
        /// Install, start and purge it in a copy of this machine too (root)
        #[arg(long)]
        check: bool,
    },
    /// Install what is missing (Debian, as root); nothing when all is there
    Setup {
        /// What for
        #[arg(value_enum, default_value = "build")]
        purpose: Purpose,
    },
    /// Run leaky pods, the agent beside them as its DaemonSet has it, and Prometheus with our
    /// rules: until the alert of a leak fires and resolves (Debian, as root)
    Cluster,
    /// Compare zombie times with deaths of known length, as a table
    Accuracy(Accuracy),
    /// Ask the agent about each culprit, alone and beside all others; true and said as a table
    Verdicts(Verdicts),
    /// Measure what the agent costs, as ratios within one run
    Bench(Bench),
}

/// What `vm` runs.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// Such as `5.10 7.3`, with all tests; without one every kernel of the matrix: the oldest and
    /// the newest with all tests, the others with the deaths alone
    pub(crate) kernels: Vec<String>,
    /// Every kernel of the matrix with all tests
    #[arg(long, conflicts_with = "kernels")]
    pub(crate) all: bool,
    /// How many times in a row; the first failure ends it
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u32,
    /// Only build what a machine starts with, an initramfs, into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernels", "all", "rounds"])]
    pub(crate) pack: Option<PathBuf>,
}

/// What `image` makes.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The archive; target/image/reapwatch.tar unless told otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The name that it is imported as
    #[arg(long, default_value = concat!("docker.io/library/reapwatch:", env!("CARGO_PKG_VERSION")))]
    pub(crate) name: String,
}

/// How `accuracy` measures.
#[derive(Debug, Args)]
pub(crate) struct Accuracy {
    /// Deaths per delay
    #[arg(long, default_value_t = 200)]
    pub(crate) count: usize,
    /// Milliseconds between death and reap
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
    pub(crate) delays: Vec<u64>,
}

/// What `verdicts` asks about.
#[derive(Debug, Args)]
pub(crate) struct Verdicts {
    /// Ask about real programs instead of the scenarios: these cases, or all of scenarios/real
    #[arg(long, value_name = "CASE", num_args = 0..)]
    pub(crate) real: Option<Vec<String>>,
    /// Only the cases that need nothing but the shell, Python, Perl and Node
    #[arg(long, requires = "real")]
    pub(crate) quick: bool,
    /// Print the cases and run none
    #[arg(long, requires = "real")]
    pub(crate) list: bool,
    /// Ask this reapwatch instead of building one
    #[arg(long, requires = "real", value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
}

/// How `bench` measures.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    /// Something else than the cost of an exit
    #[command(subcommand)]
    pub(crate) of: Option<BenchOf>,
    /// Pairs of one round without and one with the agent
    #[arg(long, default_value_t = 50)]
    pub(crate) pairs: usize,
    /// Cycles of vfork, exit and wait per round
    #[arg(long, default_value_t = 2000)]
    pub(crate) cycles: u32,
}

/// What `dashboards` does beside.
#[derive(Debug, Args)]
pub(crate) struct Dashboards {
    /// Write nothing: test the rules, and ask a real Prometheus that scrapes a real agent what
    /// each panel asks
    #[arg(long)]
    pub(crate) live: bool,
}

/// What else `bench` measures.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchOf {
    /// What `culprits` costs beside many zombies and processes
    Culprits(BenchCulprits),
}

/// How `bench culprits` measures.
#[derive(Debug, Args)]
pub(crate) struct BenchCulprits {
    /// Zombies of one parent
    #[arg(long, default_value_t = 10_000)]
    pub(crate) zombies: u32,
    /// Processes that live
    #[arg(long, default_value_t = 5_000)]
    pub(crate) sleepers: u32,
    /// How long each state is measured
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// How many times `culprits` is asked for
    #[arg(long, default_value_t = 20)]
    pub(crate) asks: u32,
}
