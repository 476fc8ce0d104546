//! `reapwatch`: measures how processes die and which parents never reap.
#![expect(
    unreachable_pub,
    reason = "a binary has no public API; `pub` marks what a module offers to its siblings"
)]

use std::process::ExitCode;

use clap::Parser;

mod backoff;
mod cli;
mod client;
mod doctor;
mod engine;
mod fleet;
mod handle;
mod host;
mod metrics;
mod probes;
mod queries;
mod server;
mod stderr;
mod systemd;
mod views;

use cli::{Cli, Command};
use views::Outcome;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli.command);
    match run(cli) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::CannotRun) => ExitCode::from(1),
        Ok(Outcome::Found) => ExitCode::from(3),
        Err(error) => {
            stderr::eprint_line(format_args!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

/// One thread is enough; an agent inside a view has its own.
#[tokio::main(flavor = "current_thread")]
async fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let look = views::Look::detect(cli.color);
    match cli.command {
        Command::Agent(args) => engine::run(args).await.map(|()| Outcome::Fine),
        Command::Top(args) => views::top::run(&args, look).await,
        Command::Exits(args) => views::exits::run(&args, look).await,
        Command::Zombies(args) => views::zombies::run(&args, look).await,
        Command::Culprits(args) => views::culprits::run(&args, look).await,
        Command::Explain(args) => views::explain::run(&args, look).await,
        Command::Stuck(args) => views::stuck::run(&args, look).await,
        Command::Doctor(args) => views::doctor::run(&args, look).await,
        Command::Record(args) => views::record::run(&args).await,
        Command::Replay(args) => views::replay::run(args, look).await,
        Command::Completions { shell } => views::reference::completions(shell),
        Command::Man { command } => views::reference::man(command.as_deref()),
    }
}

/// The daemon logs what it does, a view only problems. The kernel side logs under the name of its
/// program, and in detail only with --debug-probes.
fn start_log(command: &Command) {
    let (level, probes) = match command {
        Command::Agent(args) => ("info", args.probes.debug_probes),
        Command::Exits(args) => ("warn", args.from.probes.debug_probes),
        Command::Zombies(args) => ("warn", args.from.probes.debug_probes),
        Command::Record(args) => ("warn", args.probes.debug_probes),
        _ => ("warn", false),
    };
    let level = if probes {
        format!("{level},reapwatch_bpf=debug")
    } else {
        level.to_owned()
    };
    let level = format!("{level},{}=error", probes::ALSO_WARNED_BY);
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .filter_module(host::kubernetes::ALSO_TOLD_BY, log::LevelFilter::Off)
        .init();
}
