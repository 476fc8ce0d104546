//! Usage errors that clap cannot detect.

use std::fmt::Display;

use clap::CommandFactory as _;

use model::filter::{Field, Filter};

use super::Cli;

/// Exits as clap does for a usage error, with the usage of this command.
pub fn misused(command: &str, why: impl Display) -> ! {
    let kind = clap::error::ErrorKind::ValueValidation;
    let usage = format!("reapwatch {command} [OPTIONS]");
    Cli::command().override_usage(usage).error(kind, why).exit()
}

/// The filter of a command, whose rows have these fields; a wrong one is a usage error.
pub fn filter_for(command: &str, text: Option<&str>, fields: &[Field]) -> Option<Filter> {
    let text = text?;
    match Filter::parse(text, fields) {
        Ok(filter) => Some(filter),
        Err(wrong) => misused(command, format_args!("--filter: {}", wrong.pointed(text))),
    }
}
