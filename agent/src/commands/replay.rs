//! `reapwatch replay`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::ReplayArgs;
use crate::views::replay;

pub(super) const COMMAND: Command = Command::new(
    "replay",
    "Run a view over a recorded file, without privileges",
    "\
Lists show the state at the end of the recording, with the times of the recorded host. Verdicts
are those made while recording; a recording from an older release has none. Living processes are
those in the last snapshot of the recording.

Examples:
  reapwatch replay deaths.trace                   every death, as `exits` shows it
  reapwatch replay deaths.trace exits --json
  reapwatch replay deaths.trace culprits
  reapwatch replay deaths.trace explain 1234",
    ReplayArgs::augment_args,
    |options, session| {
        let args: ReplayArgs = parsed(options);
        Box::pin(replay::run(args, session.look))
    },
);
