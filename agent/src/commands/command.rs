//! A command: its options, its help and what it does.

use std::pin::Pin;

use clap::{ArgMatches, FromArgMatches};

use model::filter::Field;

use crate::views::{Look, Outcome, wrap};

/// Width of the notes.
const WIDTH: usize = 100;

/// What a command is run with.
pub struct Session {
    /// How output looks.
    pub look: Look,
    /// The command line with all commands.
    pub commands: clap::Command,
}

/// A command at work.
pub type Running = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>>>>;

/// A command.
pub struct Command {
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// The help text below the options.
    pub notes: &'static str,
    /// Fields of its filters, named where the notes have `{fields}`.
    pub fields: &'static [Field],
    /// Adds the options.
    pub options: fn(clap::Command) -> clap::Command,
    /// Runs it with the options that [`parsed`] finds.
    pub run: fn(&ArgMatches, Session) -> Running,
    /// The level of its log: a view logs only problems.
    pub log: &'static str,
    /// Whether --debug-probes shows the probes' own log.
    pub debugs_probes: bool,
}

impl Command {
    /// A view without the probes' log.
    pub const fn new(
        name: &'static str,
        about: &'static str,
        notes: &'static str,
        options: fn(clap::Command) -> clap::Command,
        run: fn(&ArgMatches, Session) -> Running,
    ) -> Self {
        Self {
            name,
            about,
            notes,
            fields: &[],
            options,
            run,
            log: "warn",
            debugs_probes: false,
        }
    }

    /// Its part of the command line.
    pub fn definition(&self) -> clap::Command {
        let command = (self.options)(clap::Command::new(self.name));
        let fields = format!("Fields of filters: {}.", Field::known(self.fields));
        let fields = wrap(&fields, WIDTH).join("\n");
        let notes = self.notes.replace("{fields}", &fields);
        command.about(self.about).after_help(notes)
    }
}

/// The options that were given; exits if they are wrong.
pub fn parsed<A: FromArgMatches>(matches: &ArgMatches) -> A {
    A::from_arg_matches(matches).unwrap_or_else(|error| error.exit())
}
