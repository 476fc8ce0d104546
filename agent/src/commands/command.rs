//! A command: its options, its help and what it does.

use std::pin::Pin;

use clap::{ArgMatches, Args};

use crate::views::{Look, Outcome};

/// What a command is run with.
pub struct Session {
    /// How output looks.
    pub look: Look,
    /// The command line with all commands.
    pub commands: clap::Command,
}

/// A command at work.
pub type Running = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>>>>;

/// A command with options `A`.
pub struct Spec<A> {
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// What the help says below the options.
    pub notes: &'static str,
    pub run: fn(A, Session) -> Running,
    /// The level of its log.
    pub log: &'static str,
    /// Whether it shows the probes' own log.
    pub debugs_probes: fn(&A) -> bool,
}

impl<A> Spec<A> {
    /// A view, which logs only problems.
    pub const fn new(
        name: &'static str,
        about: &'static str,
        notes: &'static str,
        run: fn(A, Session) -> Running,
    ) -> Self {
        Self {
            name,
            about,
            notes,
            run,
            log: "warn",
            debugs_probes: |_| false,
        }
    }
}

/// A command, whatever its options are.
pub trait Command: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Its part of the command line.
    fn definition(&self) -> clap::Command;

    /// The command with the options that were given.
    fn parsed(&self, matches: &ArgMatches) -> Result<Parsed, clap::Error>;
}

/// A command that can be run.
pub struct Parsed {
    /// The level of its log.
    pub log: &'static str,
    /// Whether it shows the probes' own log.
    pub debugs_probes: bool,
    /// Runs it.
    pub run: Box<dyn FnOnce(Session) -> Running>,
}

impl<A: Args + 'static> Command for Spec<A> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn definition(&self) -> clap::Command {
        let command = A::augment_args(clap::Command::new(self.name));
        command.about(self.about).after_help(self.notes)
    }

    fn parsed(&self, matches: &ArgMatches) -> Result<Parsed, clap::Error> {
        let args = A::from_arg_matches(matches)?;
        let run = self.run;
        Ok(Parsed {
            log: self.log,
            debugs_probes: (self.debugs_probes)(&args),
            run: Box::new(move |session| run(args, session)),
        })
    }
}
