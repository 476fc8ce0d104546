//! `reapwatch record`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::RecordArgs;
use crate::views::record;

pub(super) const COMMAND: Command = Command {
    debugs_probes: true,
    ..Command::new(
        "record",
        "Save all events to a file, for viewing later or elsewhere",
        "\
The file is text: process names, PIDs, times, uids, and the cgroups, pods and containers of
processes; no command lines. It grows by about half a KB per death until you press Ctrl-C, or until
it has the size of --max-size. With a name that ends with .gz it is compressed to about a tenth.

Examples:
  sudo reapwatch record deaths.trace              until Ctrl-C
  sudo reapwatch record deaths.trace --for 10s
  sudo reapwatch record deaths.trace.gz           compressed
  sudo reapwatch record deaths.trace --json       print each death too, as `exits --json` does",
        RecordArgs::augment_args,
        |options, _| {
            let args: RecordArgs = parsed(options);
            Box::pin(async move { record::run(&args).await })
        },
    )
};
