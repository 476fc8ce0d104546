//! `reapwatch zombies`.

use clap::Args as _;
use model::state::ZOMBIE_FIELDS;

use super::command::{Command, parsed};
use crate::cli::ZombiesArgs;
use crate::views::zombies;

pub(super) const COMMAND: Command = Command {
    debugs_probes: true,
    fields: &ZOMBIE_FIELDS,
    ..Command::new(
        "zombies",
        "List zombies, oldest first",
        "\
{fields}
`reapwatch top --help` has their operators.

Examples:
  sudo reapwatch zombies
  reapwatch zombies --filter 'oldest>1m' --sort parent --limit 20
  reapwatch zombies --filter 'not why=just_died' -o csv
  reapwatch zombies --fail                        exit status 3 when there are any
  reapwatch zombies --prometheus http://prom:9090 counts by workload for a whole cluster",
        ZombiesArgs::augment_args,
        |options, session| {
            let args: ZombiesArgs = parsed(options);
            Box::pin(async move { zombies::run(&args, session.look).await })
        },
    )
};
