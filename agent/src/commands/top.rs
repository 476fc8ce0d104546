//! `reapwatch top`.

use clap::Args as _;
use model::state::TOP_FIELDS;

use super::command::{Command, parsed};
use crate::cli::TopArgs;
use crate::views::top;

pub(super) const COMMAND: Command = Command {
    fields: &TOP_FIELDS,
    ..Command::new(
        "top",
        "Live view of culprits, zombies, workloads, stuck exits and the agent",
        "\
Views: culprits, zombies, workloads, stuck and agent; with --prometheus: nodes and workloads.

Filters compare fields with values; combine them with `and`, `or`, `not` and parentheses:
  operators   = != > < >= <=, ~ contains (ignores case), =~ matches a regular expression
  durations   500ms, 10s, 5m, 2h; a bare number is seconds

{fields}
With --prometheus: node, ns, pod, container, unit, workload, why, zombies, stale, growth (per hour),
oldest, exits, late, stuck, pids, lost.

Examples:
  sudo reapwatch top
  sudo reapwatch top --filter 'oldest>10s and comm~java and not why=just_died'
  sudo reapwatch top --view zombies --sort age
  sudo reapwatch top -b -n 3 -d 5s                three frames as text, five seconds apart
  sudo reapwatch top --json | jq '.items[0].parents[0]'
  reapwatch top --prometheus http://prom:9090 --filter 'stale>0 or pids>80%'
  reapwatch top --prometheus http://prom:9090 --view workloads

Press ? in the live view for the list of keys.",
        TopArgs::augment_args,
        |options, session| {
            let args: TopArgs = parsed(options);
            Box::pin(async move { top::run(&args, session.look).await })
        },
    )
};
