//! `reapwatch man`.

use clap::Args;

use super::command::{Command, parsed};
use crate::views::reference;

/// Options of `man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Print the page of this command instead of the main page
    command: Option<String>,
}

pub(super) const COMMAND: Command = Command::new(
    "man",
    "Print the manual page",
    "\
Examples:
  reapwatch man | man -l -
  reapwatch man top > reapwatch-top.1",
    ManArgs::augment_args,
    |options, session| {
        let args: ManArgs = parsed(options);
        Box::pin(async move { reference::man(args.command.as_deref(), session.commands) })
    },
);
