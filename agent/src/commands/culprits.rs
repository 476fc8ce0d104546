//! `reapwatch culprits`.

use clap::Args as _;
use model::state::CULPRIT_FIELDS;

use super::command::{Command, parsed};
use crate::cli::CulpritsArgs;
use crate::views::culprits;

pub(super) const COMMAND: Command = Command {
    fields: &CULPRIT_FIELDS,
    ..Command::new(
        "culprits",
        "List processes that do not reap their children, why, and what to do; worst first",
        "\
Zombies younger than 2 s are ignored. Each verdict has a confidence: certain, likely or guess.

{fields}
`reapwatch top --help` has their operators.

Examples:
  sudo reapwatch culprits
  reapwatch culprits -o name | xargs -n 1 reapwatch explain
  reapwatch culprits --json | jq '.items[] | [.process.pid, .verdict.id]'
  reapwatch culprits --fail                       exit status 3 when there are any
  reapwatch culprits --prometheus http://prom:9090
                                                  workloads with stale zombies in a cluster",
        CulpritsArgs::augment_args,
        |options, session| {
            let args: CulpritsArgs = parsed(options);
            Box::pin(async move { culprits::run(&args, session.look).await })
        },
    )
};
