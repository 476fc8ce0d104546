//! `reapwatch exits`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::ExitsArgs;
use crate::views::exits;

pub(super) const COMMAND: Command = Command {
    debugs_probes: true,
    ..Command::new(
        "exits",
        "Follow deaths: one line per process once it is reaped",
        "\
Examples:
  sudo reapwatch exits                            until Ctrl-C
  sudo reapwatch exits --count 100 --json         one JSON object per line
  sudo reapwatch exits --for 10s",
        ExitsArgs::augment_args,
        |options, session| {
            let args: ExitsArgs = parsed(options);
            Box::pin(async move { exits::run(&args, session.look).await })
        },
    )
};
