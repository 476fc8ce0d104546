//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::arch::Arch;

/// Builds, runs and tests reapwatch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the agent and run it, as root if possible; runs `top` by default
    Run {
        /// Arguments of reapwatch, such as `-- exits --count 20 --json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run every test that this machine can run; as root on Debian, install what they need first
    Test,
    /// Run the live tests on Debian's kernels, each in a virtual machine
    Vm(Vm),
    /// Build the kernel side into ebpf/prebuilt
    Ebpf {
        /// Rebuild it in another folder and compare the bytes; change nothing
        #[arg(long)]
        check: bool,
    },
    /// Write the dashboards from their descriptions in xtask/src/dashboards
    Dashboards(Dashboards),
    /// Write the screens of `top` into docs, from a recorded incident
    Screens,
    /// Write the manifests that are generated from the dashboards and rules
    Deploy {
        /// Render and check all manifests, the chart and the systemd unit; change nothing
        #[arg(long)]
        check: bool,
    },
    /// Build a container image, as an archive that `ctr`, `skopeo` and `podman` can load
    Image(Image),
    /// Build a Debian package (Debian, with cargo-deb)
    Deb {
        /// Also install, start and purge it in a copy of this machine (root)
        #[arg(long)]
        check: bool,
    },
    /// Build all files of a release into target/dist: archive, package, image, list of contents,
    /// checksums (Debian, with cargo-deb)
    Dist(Dist),
    /// Feed each parser with damaged input, always different, until one fails
    Fuzz {
        /// How long for each parser, in seconds
        #[arg(default_value_t = 60)]
        seconds: u64,
        /// Only the tests with this in their names
        #[arg(default_value = "damaged_")]
        name: String,
    },
    /// Install what is missing (Debian, as root)
    Setup {
        /// What to install it for
        #[arg(value_enum, default_value = "build")]
        purpose: Purpose,
    },
    /// Run a Kubernetes of two nodes, the agents as our manifests describe them, pods that leak,
    /// and Prometheus with our rules, until the last alert is resolved (Debian, as root)
    Cluster(Cluster),
    /// Measure the error of zombie times, with zombies of known age
    Accuracy(Accuracy),
    /// Run an agent in the memory of its manifest through floods, leaks, kills and hostile clients;
    /// compare its counts with the truth, and its memory and descriptors after each round
    Soak(Soak),
    /// Compare the verdicts of the agent with the truth, for each kind of culprit
    Verdicts(Verdicts),
    /// Measure what the agent costs, beside exitsnoop (root)
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// Kernels to run all tests on, such as `5.10 7.3`. Default: every kernel of the matrix, the
    /// oldest and the newest with all tests, the others with the tests of deaths only (each kind of
    /// hook), and one kind of hook, in turn, with those of steps and of counts in the kernel too
    pub(crate) kernels: Vec<String>,
    /// Run all tests on every kernel of the matrix
    #[arg(long, conflicts_with = "kernels")]
    pub(crate) all: bool,
    /// Repeat this many times, until the first failure
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u32,
    /// The processor of the machines
    #[arg(long, default_value_t)]
    pub(crate) arch: Arch,
    /// Only write the initramfs to this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernels", "all", "rounds"])]
    pub(crate) pack: Option<PathBuf>,
}

/// What to prepare the machine for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Building the kernel side
    Build,
    /// All of `cargo xtask test`
    Test,
    /// Virtual machines with other kernels
    Vm,
    /// Programs and virtual machines for arm64, on another processor
    Arm64,
    /// A Kubernetes of two nodes, and Prometheus
    Cluster,
    /// The real programs of `cargo xtask verdicts --real`
    Real,
}

/// The usual name of the image.
pub(crate) const IMAGE: &str = concat!("docker.io/library/reapwatch:", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The archive [default: target/image/reapwatch.tar]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The processor that it is for
    #[arg(long, default_value_t)]
    pub(crate) arch: Arch,
    /// Name of the image
    #[arg(long, default_value = IMAGE)]
    pub(crate) name: String,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Cluster {
    /// Only start the cluster with the agents and Prometheus, and keep it until Ctrl-C
    #[arg(long)]
    pub(crate) hold: bool,
    /// Which process of the test this is, if not the first
    #[arg(long, hide = true)]
    pub(crate) part: Option<ClusterPart>,
    /// Use these static programs instead of building them
    #[arg(long, hide = true, requires = "scenarios")]
    pub(crate) agent: Option<PathBuf>,
    #[arg(long, hide = true)]
    pub(crate) scenarios: Option<PathBuf>,
    #[arg(long, hide = true)]
    pub(crate) cgroup: Option<String>,
}

/// The processes of the test of the cluster, beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterPart {
    /// What ends the cluster
    Guard,
    /// What runs it
    Inside,
}

#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// Build them again from a copy of the sources, and compare the bytes
    #[arg(long)]
    pub(crate) twice: bool,
    /// The processor that they are for
    #[arg(long, default_value_t, conflicts_with = "check")]
    pub(crate) arch: Arch,
    /// Only build them quickly, and install them in clean Debian 12 and 13 systems (root)
    #[arg(long, conflicts_with = "twice")]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Accuracy {
    /// Number of deaths for each delay
    #[arg(long, default_value_t = 200)]
    pub(crate) count: usize,
    /// Times between death and reap, in milliseconds
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
    pub(crate) delays: Vec<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How long; a round that has begun is finished
    #[arg(long, default_value_t = 20)]
    pub(crate) minutes: u64,
    /// A single round, with the programs of the test build
    #[arg(long, conflicts_with = "minutes")]
    pub(crate) quick: bool,
    /// Measure the agent among very many zombies, processes, cgroups and exits instead: these
    /// trials, or all. Raises kernel.pid_max and kernel.threads-max for as long as it runs
    #[arg(long, value_name = "TRIAL", num_args = 0.., conflicts_with_all = ["minutes", "quick"])]
    pub(crate) scale: Option<Vec<String>>,
    /// Use this reapwatch instead of building one
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Use these scenarios instead of building them
    #[arg(long, value_name = "FILE")]
    pub(crate) scenarios: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verdicts {
    /// Use real programs instead of the scenarios: these cases, or all of scenarios/real
    #[arg(long, value_name = "CASE", num_args = 0..)]
    pub(crate) real: Option<Vec<String>>,
    /// Only the cases that need only the shell, Python, Perl and Node
    #[arg(long, requires = "real")]
    pub(crate) quick: bool,
    /// Only list the cases
    #[arg(long, requires = "real")]
    pub(crate) list: bool,
    /// Use this reapwatch instead of building one
    #[arg(long, requires = "real", value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) of: Option<BenchOf>,
    /// Less of everything: a look in two minutes
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each row is measured
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Only these rows: kernel, overhead, paced, maximum, idle, scrape, start
    #[arg(long, value_name = "ROWS", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Measure this reapwatch instead of building one
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Also write the result to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Compare with the result in this file; exits with 1 if a row is worse, and with 2 if one
    /// cannot be compared
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Dashboards {
    /// Write nothing; test the rules, and run the query of each panel against a real Prometheus
    /// that scrapes a real agent
    #[arg(long)]
    pub(crate) live: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchOf {
    /// Measure what `culprits` costs with many zombies and processes
    Culprits(BenchCulprits),
    /// Measure how fast `top` answers keys, and its CPU time, among very many zombies and exits
    Top(BenchTop),
}

#[derive(Debug, Args)]
pub(crate) struct BenchTop {
    /// Number of zombies, all of one parent
    #[arg(long, default_value_t = 10_000)]
    pub(crate) zombies: u32,
    /// Exits per second
    #[arg(long, default_value_t = 5_000)]
    pub(crate) rate: u32,
    /// Measure reapwatch and scenarios in this folder instead of building them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) programs: Option<PathBuf>,
    /// Length of the measurement, in seconds
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u32,
}

#[derive(Debug, Args)]
pub(crate) struct BenchCulprits {
    /// Number of zombies, all of one parent
    #[arg(long, default_value_t = 10_000)]
    pub(crate) zombies: u32,
    /// Number of living processes
    #[arg(long, default_value_t = 5_000)]
    pub(crate) sleepers: u32,
    /// Length of each measurement, in seconds
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Number of requests for `culprits`
    #[arg(long, default_value_t = 20)]
    pub(crate) asks: u32,
}
