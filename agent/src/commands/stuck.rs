//! `reapwatch stuck`.

use clap::Args as _;
use model::filter::STUCK_FIELDS;

use super::command::{Command, parsed};
use crate::cli::StuckArgs;
use crate::views::stuck;

pub(super) const COMMAND: Command = Command {
    fields: &STUCK_FIELDS,
    ..Command::new(
        "stuck",
        "List processes that were killed or are exiting but never finish, why, and what to do",
        "\
For each process: the step of its exit, its threads with kernel stacks, and what it waits for, such
as a FUSE server, the reader of a core dump, a tracer, a PID namespace or a frozen cgroup.

{fields}
`reapwatch top --help` has their operators.

Examples:
  sudo reapwatch stuck
  sudo reapwatch stuck --threshold 1s
  sudo reapwatch stuck -o table --filter 'ns=shop and oldest>1m'
  reapwatch stuck --json | jq '.items[] | [.pid, .step, .verdict.remedy]'
  reapwatch stuck --fail                          exit status 3 when there are any",
        StuckArgs::augment_args,
        |options, session| {
            let args: StuckArgs = parsed(options);
            Box::pin(async move { stuck::run(&args, session.look).await })
        },
    )
};
