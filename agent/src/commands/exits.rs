//! `reapwatch exits`.

use clap::Args as _;
use model::filter::EXIT_FIELDS;

use super::command::{Command, parsed};
use crate::cli::ExitsArgs;
use crate::views::exits;

pub(super) const COMMAND: Command = Command {
    debugs_probes: true,
    fields: &EXIT_FIELDS,
    ..Command::new(
        "exits",
        "Follow deaths: one line per process once it is reaped",
        "\
{fields}
`reapwatch top --help` has their operators.

Examples:
  sudo reapwatch exits                            until Ctrl-C
  sudo reapwatch exits --count 100 --json         one JSON object per line
  sudo reapwatch exits --for 10s --by-workload    deaths of each workload
  sudo reapwatch exits --slow 100ms               only those that took long to exit or to be reaped
  sudo reapwatch exits --filter 'exit=SIGKILL and ns=shop'",
        ExitsArgs::augment_args,
        |options, session| {
            let args: ExitsArgs = parsed(options);
            Box::pin(async move { exits::run(&args, session.look).await })
        },
    )
};
