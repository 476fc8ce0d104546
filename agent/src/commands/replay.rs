//! `reapwatch replay`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::ReplayArgs;
use crate::views::replay;

pub(super) const COMMAND: Command = Command::new(
    "replay",
    "Run a view over a recorded file, without privileges",
    "\
Lists show the state at the end of the recording, or at --at, with the times of the recorded host.
Verdicts are those made while recording; a recording from an older release has none. Living
processes are those in the last snapshot before that moment; so are stuck exits, whose step and
verdict a recording does not have.

`metrics` prints what /metrics would show at that moment, except for what a recording does not know.

`top` plays the recording from its start, or from --at: Space pauses, `,` and `.` step, the arrow
keys seek, `[` and `]` change the speed, and `@` goes to a moment. With --batch it prints the frame
at the end; with --at, one for each --delay from there on.

Examples:
  reapwatch replay deaths.trace                   every death, as `exits` shows it
  reapwatch replay deaths.trace exits --json
  reapwatch replay deaths.trace top               play it; ? lists the keys
  reapwatch replay deaths.trace top --at -1m      play the last minute
  reapwatch replay deaths.trace top -b --at start -d 10s
  reapwatch replay deaths.trace culprits --at 03:11:22
  reapwatch replay deaths.trace explain 1234
  reapwatch replay deaths.trace metrics",
    ReplayArgs::augment_args,
    |options, session| {
        let args: ReplayArgs = parsed(options);
        Box::pin(replay::run(args, session.look))
    },
);
