//! Builds, runs and tests reapwatch: `cargo xtask --help`.

mod accuracy;
mod agent;
mod apt;
mod arch;
mod bench;
mod cgroup;
mod cli;
mod cluster;
mod crates;
mod cross;
mod dashboards;
mod deb;
mod deploy;
mod dist;
mod ebpf;
mod emulator;
mod fuzz;
mod host;
mod image;
mod metrics_page;
mod operator;
mod process;
mod prometheus;
mod quantile;
mod run;
mod screens;
mod setup;
mod shell;
mod sidecar;
mod soak;
mod statics;
mod stop;
mod tally;
mod test;
mod usage;
mod verdicts;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{BenchOf, Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run { arguments } => run::run(arguments),
        Command::Test => test::main(),
        Command::Vm(options) => vm::main(&options),
        Command::Ebpf { check: false } => ebpf::build(),
        Command::Ebpf { check: true } => ebpf::check(),
        Command::Dashboards(options) => dashboards::main(&options),
        Command::Screens => screens::main(),
        Command::Deploy { check: false } => deploy::generate(),
        Command::Deploy { check: true } => deploy::check(),
        Command::Image(options) => image::main(&options),
        Command::Deb { check } => deb::main(check),
        Command::Dist(options) => dist::main(&options),
        Command::Fuzz { seconds, name } => fuzz::main(seconds, &name),
        Command::Setup { purpose } => setup::main(purpose),
        Command::Cluster(options) => cluster::main(&options),
        Command::Accuracy(options) => accuracy::main(&options),
        Command::Soak(options) => soak::main(&options),
        Command::Verdicts(options) => verdicts::main(&options),
        Command::Bench(options) => match &options.of {
            None => bench::main(&options),
            Some(BenchOf::Culprits(options)) => bench::culprits::main(options),
            Some(BenchOf::Top(options)) => bench::top::main(options),
        },
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
