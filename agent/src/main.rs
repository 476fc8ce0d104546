//! `reapwatch`: measures how processes die and which parents never reap.
#![expect(
    unreachable_pub,
    reason = "a binary has no public API; `pub` marks what a module offers to its siblings"
)]

use std::{io::Write as _, process::ExitCode};

mod backoff;
mod cli;
mod client;
mod commands;
mod doctor;
mod engine;
mod fleet;
mod handle;
mod host;
mod invisible;
mod memory;
mod metrics;
mod pod_events;
mod probes;
mod problem;
mod queries;
mod server;
mod stderr;
mod systemd;
mod views;

use commands::Given;
use views::Outcome;

fn main() -> ExitCode {
    memory::keep_little();
    let given = commands::parse();
    start_log(&given);
    match run(&given) {
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
async fn run(given: &Given) -> anyhow::Result<Outcome> {
    given.run().await
}

/// The daemon logs what it does, a view only problems. The kernel side logs under the name of its
/// program, and in detail only with --debug-probes.
fn start_log(given: &Given) {
    let (level, debugs_probes) = given.log();
    let probes = if debugs_probes {
        ",reapwatch_bpf=debug"
    } else {
        ""
    };
    let level = format!("{level}{probes},{}=error", probes::ALSO_WARNED_BY);
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .format(|to, record| {
            let (at, target, level) = (to.timestamp(), record.target(), record.level());
            let style = to.default_level_style(level);
            // Names, and answers from elsewhere, must not pose as other lines.
            let text = invisible::escaped(&record.args().to_string());
            writeln!(to, "[{at} {style}{level:<5}{style:#} {target}] {text}")
        })
        .init();
}
