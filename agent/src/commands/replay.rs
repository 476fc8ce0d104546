//! `reapwatch replay`.

use super::command::Spec;
use crate::cli::ReplayArgs;
use crate::views::replay;

pub(super) const COMMAND: Spec<ReplayArgs> = Spec::new(
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
    |args, session| Box::pin(replay::run(args, session.look)),
);
