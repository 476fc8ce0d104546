//! `reapwatch zombies`.

use super::command::Spec;
use crate::cli::ZombiesArgs;
use crate::views::zombies;

pub(super) const COMMAND: Spec<ZombiesArgs> = Spec {
    debugs_probes: |args| args.from.probes.debug_probes,
    ..Spec::new(
        "zombies",
        "List zombies, oldest first",
        "\
Examples:
  sudo reapwatch zombies
  reapwatch zombies --filter 'oldest>1m' --sort parent --limit 20
  reapwatch zombies --fail                        exit status 3 when there are any
  reapwatch zombies --prometheus http://prom:9090 counts by workload for a whole cluster",
        |args, session| Box::pin(async move { zombies::run(&args, session.look).await }),
    )
};
