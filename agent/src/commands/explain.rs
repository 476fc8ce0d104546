//! `reapwatch explain`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::ExplainArgs;
use crate::views::explain;

pub(super) const COMMAND: Command = Command::new(
    "explain",
    "Explain one process, dead or alive, on one page",
    "\
PID is the number on this host. A running agent remembers deaths for five minutes; without one,
the command knows only the deaths since it started.

Examples:
  sudo reapwatch explain 1234
  reapwatch explain 1234 --json | jq -r '.summary, .verdict.remedy'
  reapwatch explain 1234 --json | jq '.timeline[]'",
    ExplainArgs::augment_args,
    |options, session| {
        let args: ExplainArgs = parsed(options);
        Box::pin(async move { explain::run(&args, session.look).await })
    },
);
