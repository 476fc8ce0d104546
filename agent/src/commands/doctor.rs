//! `reapwatch doctor`.

use super::command::Spec;
use crate::cli::DoctorArgs;
use crate::views::doctor;

pub(super) const COMMAND: Spec<DoctorArgs> = Spec::new(
    "doctor",
    "Show what this kernel and these privileges allow",
    "\
Examples:
  sudo reapwatch doctor
  reapwatch doctor --json | jq '.probes[] | select(.lost)'",
    |args, session| Box::pin(async move { doctor::run(&args, session.look).await }),
);
