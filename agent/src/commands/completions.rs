//! `reapwatch completions`.

use clap::Args;

use super::command::Spec;
use crate::views::reference;

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    shell: clap_complete::Shell,
}

pub(super) const COMMAND: Spec<CompletionsArgs> = Spec::new(
    "completions",
    "Print a completion script for a shell",
    "\
Examples:
  reapwatch completions bash > /etc/bash_completion.d/reapwatch
  reapwatch completions zsh > \"${fpath[1]}/_reapwatch\"
  reapwatch completions fish > ~/.config/fish/completions/reapwatch.fish",
    |args, session| Box::pin(async move { reference::completions(args.shell, session.commands) }),
);
