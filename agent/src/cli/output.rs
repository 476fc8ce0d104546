//! How lists are printed.

use clap::{Args, ValueEnum};

/// In which form a list is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArgs {
    /// Print the list in this form instead of the usual one
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "json")]
    pub output: Option<Format>,
    /// Print one JSON document; the same as -o json
    #[arg(long)]
    pub json: bool,
}

/// A form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line per item
    Table,
    /// The same with more columns
    Wide,
    /// One JSON document
    Json,
    /// Comma-separated values with a heading; durations in seconds
    Csv,
    /// Only the PID, or the name of a workload, of each item
    Name,
}

impl OutputArgs {
    /// What was asked for; `None` for the usual form.
    pub fn format(self) -> Option<Format> {
        self.output.or(self.json.then_some(Format::Json))
    }
}
