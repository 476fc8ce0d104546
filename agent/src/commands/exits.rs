//! `reapwatch exits`.

use super::command::Spec;
use crate::cli::ExitsArgs;
use crate::views::exits;

pub(super) const COMMAND: Spec<ExitsArgs> = Spec {
    debugs_probes: |args| args.from.probes.debug_probes,
    ..Spec::new(
        "exits",
        "Follow deaths: one line per process once it is reaped",
        "\
Examples:
  sudo reapwatch exits                            until Ctrl-C
  sudo reapwatch exits --count 100 --json         one JSON object per line
  sudo reapwatch exits --for 10s",
        |args, session| Box::pin(async move { exits::run(&args, session.look).await }),
    )
};
