//! `reapwatch completions`.

use clap::Args;

use super::command::{Command, parsed};
use crate::views::reference;

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    shell: clap_complete::Shell,
}

pub(super) const COMMAND: Command = Command::new(
    "completions",
    "Print a completion script for a shell",
    "\
Examples:
  reapwatch completions bash > /etc/bash_completion.d/reapwatch
  reapwatch completions zsh > \"${fpath[1]}/_reapwatch\"
  reapwatch completions fish > ~/.config/fish/completions/reapwatch.fish",
    CompletionsArgs::augment_args,
    |options, session| {
        let args: CompletionsArgs = parsed(options);
        Box::pin(async move { reference::completions(args.shell, session.commands) })
    },
);
