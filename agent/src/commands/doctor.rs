//! `reapwatch doctor`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::DoctorArgs;
use crate::views::doctor;

pub(super) const COMMAND: Command = Command::new(
    "doctor",
    "Show what this kernel and these privileges allow",
    "\
Examples:
  sudo reapwatch doctor
  reapwatch doctor --json | jq '.probes[] | select(.lost)'",
    DoctorArgs::augment_args,
    |options, session| {
        let args: DoctorArgs = parsed(options);
        Box::pin(async move { doctor::run(&args, session.look).await })
    },
);
