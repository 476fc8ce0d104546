//! All commands, one file each.

mod agent;
mod command;
mod completions;
mod culprits;
mod doctor;
mod exits;
mod explain;
mod man;
mod record;
mod replay;
mod stuck;
mod top;
mod zombies;

use clap::{Args as _, FromArgMatches as _};

use crate::cli::Cli;
use command::Command;
pub use command::{Parsed, Session};

/// All commands, in the order of the help.
const ALL: [&dyn Command; 12] = [
    &agent::COMMAND,
    &top::COMMAND,
    &exits::COMMAND,
    &zombies::COMMAND,
    &culprits::COMMAND,
    &explain::COMMAND,
    &stuck::COMMAND,
    &doctor::COMMAND,
    &record::COMMAND,
    &replay::COMMAND,
    &completions::COMMAND,
    &man::COMMAND,
];

/// Parses the command line; exits if it is wrong.
pub fn parse() -> (Cli, Parsed) {
    let matches = definition().get_matches();
    let parsed = || {
        let (name, of_command) = matches.subcommand()?;
        let command = ALL.iter().find(|command| command.name() == name)?;
        Some(command.parsed(of_command))
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let parsed = parsed().expect("a command is required, and all are listed");
    (cli, parsed.unwrap_or_else(|error| error.exit()))
}

/// The command line.
pub fn definition() -> clap::Command {
    let names = ALL.map(|command| command.name());
    let page = |man: clap::Command| man.mut_arg("command", |name| name.value_parser(names));
    let command = clap::Command::new("reapwatch")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(ALL.map(|command| command.definition()))
        .mut_subcommand(man::COMMAND.name, page);
    // The options of all commands come last in their help.
    Cli::augment_args(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        definition().debug_assert();
    }
}
