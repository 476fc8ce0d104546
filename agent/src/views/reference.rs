//! Completions and manual pages, made from the command line's own definition.

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::Cli;

use super::Outcome;
use super::output::print;

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reapwatch", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Fine)
}

/// Prints the manual page, of one command where one is named.
pub fn man(name: Option<&str>) -> anyhow::Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = name {
        let found = command.find_subcommand(name);
        command = found
            .with_context(|| format!("no command is named `{name}`"))?
            .clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .context("cannot render the page")?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Fine)
}
