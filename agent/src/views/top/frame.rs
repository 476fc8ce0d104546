//! What a live view needs: a frame with two tables. Screen, keys and batch mode are the same for
//! all.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::future::Future;

use ratatui::text::Line;
use serde::Serialize;

use crate::cli::ViewName;
use crate::views::Look;
use crate::views::table::TableColumn;

use model::filter::{Field, Filter};

/// A source of frames.
pub trait Feed: Clone + Send + Sync + 'static {
    /// The type of frame.
    type Frame: TopFrame;

    /// How the header names the source.
    fn label(&self) -> String;

    /// The current frame.
    fn frame(&self) -> impl Future<Output = anyhow::Result<Self::Frame>> + Send;
}

/// A table of a source.
pub type View<S> = <<S as Feed>::Frame as TopFrame>::View;

/// Exits between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exits {
    /// Exits per second.
    PerSecond(f64),
    /// Unknown, for example between two copies of the same frame.
    Unknown,
    /// Another agent answered: its counters started from 0.
    Anew,
}

/// The numbers in the header.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Number of zombies, as text.
    pub zombies: String,
    /// Whether to highlight it.
    pub worth_a_look: bool,
    /// Stuck exits.
    pub stuck: u64,
    /// Events lost.
    pub lost: u64,
}

/// What a header shows that is not in the frame.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// How to print.
    pub look: Look,
    /// How the source is named.
    pub source: &'a str,
    /// Exits between this frame and the one before.
    pub exits_per_second: Option<f64>,
    /// The filter, if any.
    pub filter: Option<&'a Filter>,
}

/// The parts of the help that differ.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What a row is.
    pub row: &'static str,
    /// What a search matches.
    pub search: &'static str,
    /// An example of a filter.
    pub filter: &'static str,
    /// What is copied.
    pub copied: &'static str,
    /// Which command shows stuck exits.
    pub stuck: &'static str,
    /// The meaning of columns.
    pub notes: &'static [&'static str],
}

/// A frame, and how to show it. A row is identified by its index in a table of the frame.
pub trait TopFrame: Clone + Debug + Send + Serialize + 'static {
    /// One of its tables.
    type View: Copy + Debug + PartialEq + 'static;
    /// A column of either table.
    type Column: TableColumn;
    /// Identity of a row across frames.
    type Identity: Clone + Debug + PartialEq;

    /// Both tables, each with its title and its name in `--view`; the first one is the default.
    const VIEWS: [(Self::View, &'static str, ViewName); 2];
    /// Fields that filters may use.
    const FIELDS: &'static [Field];
    /// The texts of the help.
    const WORDS: Words;

    /// Time of the frame.
    fn at(&self) -> String;
    /// Where its data comes from; the first words are the most important.
    fn place(&self, look: Look) -> Vec<String>;
    /// The numbers in the header.
    fn figures(&self, look: Look) -> Figures;
    /// Lines that need attention.
    fn alarms(&self, look: Look) -> Vec<String>;
    /// Exits since an earlier frame.
    fn exits_since(&self, earlier: &Self) -> Exits;

    /// Number of rows of a table.
    fn rows(&self, view: Self::View) -> usize;
    /// Identity of a row.
    fn identity(&self, view: Self::View, row: usize) -> Self::Identity;
    /// What `y` copies.
    fn copied(who: &Self::Identity) -> String;
    /// The rows that pass a filter.
    fn passing(&self, view: Self::View, filter: &Filter) -> Vec<usize>;
    /// Whether a search for this lower-case text finds a row.
    fn finds(&self, view: Self::View, row: usize, wanted: &str) -> bool;

    /// The columns of a table, most important first: a narrow screen drops the last.
    fn columns(view: Self::View) -> &'static [Self::Column];
    /// Columns that may be dropped if space is short.
    fn idle(&self, view: Self::View) -> &'static [Self::Column];
    /// The default sort column, and the columns that break ties.
    fn sorts(view: Self::View) -> &'static [Self::Column];
    /// Order of two rows by a column: worst first; names ascending.
    fn order(&self, view: Self::View, column: Self::Column, a: usize, b: usize) -> Ordering;
    /// A cell.
    fn cell(&self, view: Self::View, column: Self::Column, row: usize, look: Look) -> String;
    /// Whether the row counts in the tab of its table.
    fn counts(&self, view: Self::View, row: usize) -> bool;
    /// Whether to highlight it.
    fn strong(&self, view: Self::View, column: Self::Column, row: usize) -> bool;

    /// The text for a table without rows.
    fn empty_text(&self, view: Self::View, look: Look) -> String;
    /// Details of one row, as lines of a given width.
    fn detail(
        &self,
        look: Look,
        view: Self::View,
        who: &Self::Identity,
        width: usize,
    ) -> Vec<Line<'static>>;

    /// The header as text.
    fn head_text(&self, given: &Given<'_>) -> String;
    /// The table as text, if it differs from the one on the screen.
    fn table_text(&self, view: Self::View, rows: &[usize], look: Look) -> Option<String>;
    /// The frame with only these rows.
    fn keep(self, rows: [Vec<usize>; 2]) -> Self;
}
