//! `reapwatch top`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::TopArgs;
use crate::views::top;

pub(super) const COMMAND: Command = Command::new(
    "top",
    "Live view of parents: the zombies they hold and how fast they reap",
    "\
Views: culprits, zombies, workloads, stuck and agent; with --prometheus: nodes and workloads.

Filters compare fields with values; combine them with `and`, `or`, `not` and parentheses:
  fields      pid, comm, parent, zombies, oldest (or age), leak, reaps, why (or verdict), ns, pod,
              container, unit, workload, user, exit
              with --prometheus: node, ns, pod, container, unit, workload, why, zombies, stale,
              growth (per hour), oldest, exits, late, stuck, pids, lost
  operators   = != > < >= <=, ~ contains (ignores case), =~ matches a regular expression
  durations   500ms, 10s, 5m, 2h; a bare number is seconds

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
);
