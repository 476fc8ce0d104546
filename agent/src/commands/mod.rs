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

use clap::{ArgMatches, Args as _};

use crate::cli::Cli;
use crate::views::Look;
use command::{Command, Running, Session, parsed};

/// All commands, in the order of the help.
static ALL: [Command; 12] = [
    agent::COMMAND,
    top::COMMAND,
    exits::COMMAND,
    zombies::COMMAND,
    culprits::COMMAND,
    explain::COMMAND,
    stuck::COMMAND,
    doctor::COMMAND,
    record::COMMAND,
    replay::COMMAND,
    completions::COMMAND,
    man::COMMAND,
];

/// A command with its options.
pub struct Given {
    command: &'static Command,
    options: ArgMatches,
    /// The options of all commands.
    pub cli: Cli,
}

/// Parses the command line; exits if it is wrong.
pub fn parse() -> Given {
    let mut matches = definition().get_matches();
    let cli = parsed(&matches);
    let (name, options) = matches.remove_subcommand().expect("a command is required");
    let command = ALL.iter().find(|command| command.name == name);
    Given {
        command: command.expect("all are listed"),
        options,
        cli,
    }
}

impl Given {
    /// The level of its log, and whether it shows the probes' own.
    pub fn log(&self) -> (&'static str, bool) {
        let debugs_probes = self.command.debugs_probes && self.options.get_flag("debug_probes");
        (self.command.log, debugs_probes)
    }

    /// Runs it.
    pub fn run(&self) -> Running {
        let session = Session {
            look: Look::detect(self.cli.color),
            commands: definition(),
        };
        (self.command.run)(&self.options, session)
    }
}

/// The command line.
fn definition() -> clap::Command {
    let names = ALL.each_ref().map(|command| command.name);
    let page = |man: clap::Command| man.mut_arg("command", |name| name.value_parser(names));
    let command = clap::Command::new("reapwatch")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(ALL.iter().map(Command::definition))
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
