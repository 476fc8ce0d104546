//! What a live view can show: a frame with two tables. The screen, its keys and the frames of
//! batch mode are the same for all of them.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::future::Future;

use ratatui::text::Line;
use serde::Serialize;

use crate::cli::ViewName;
use crate::views::Look;
use crate::views::table::Heads;

use super::model::Model;
use model::filter::{Field, Filter};

/// Somebody who gives frames.
pub trait Feed: Clone + Send + Sync + 'static {
    /// What they show.
    type Frame: Board;

    /// What the head of a view says about it.
    fn label(&self) -> String;

    /// The frame of this moment.
    fn frame(&self) -> impl Future<Output = anyhow::Result<Self::Frame>> + Send;
}

/// A table of what somebody gives.
pub type View<S> = <<S as Feed>::Frame as Board>::View;

/// The exits between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exits {
    /// So many a second.
    PerSecond(f64),
    /// It is the same frame, or nobody knows.
    Unknown,
    /// Another agent answers: its counters began anew.
    Anew,
}

/// The numbers in the head.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How many zombies there are, in words.
    pub zombies: String,
    /// Whether that deserves a colour.
    pub worth_a_look: bool,
    /// Exits that do not come to their end.
    pub stuck: u64,
    /// Events lost.
    pub lost: u64,
}

/// The words of the help that differ.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What a row is.
    pub row: &'static str,
    /// What a search looks at.
    pub search: &'static str,
    /// An example of a filter.
    pub filter: &'static str,
    /// What is copied.
    pub copied: &'static str,
    /// Where to look for those that are stuck.
    pub stuck: &'static str,
    /// What columns mean.
    pub notes: &'static [&'static str],
}

/// A frame, and how to show it. A row is named by its place in a table of the frame.
pub trait Board: Clone + Debug + Send + Serialize + 'static {
    /// One of its tables.
    type View: Copy + Debug + PartialEq + 'static;
    /// A column of any of them.
    type Column: Heads;
    /// Whose row it is, over all frames.
    type Identity: Clone + Debug + PartialEq;

    /// Both tables, each with its name and what `--view` calls it; the first is shown first.
    const VIEWS: [(Self::View, &'static str, ViewName); 2];
    /// What filters may ask.
    const FIELDS: &'static [Field];
    /// The words of the help.
    const WORDS: Words;

    /// When it was made.
    fn at(&self) -> &str;
    /// Where its figures are from; the first words matter most.
    fn place(&self, look: Look) -> Vec<String>;
    /// The numbers in the head.
    fn figures(&self, look: Look) -> Figures;
    /// Lines that somebody must read.
    fn alarms(&self, look: Look) -> Vec<String>;
    /// Exits since an earlier frame.
    fn exits_since(&self, earlier: &Self) -> Exits;

    /// Rows of a table.
    fn rows(&self, view: Self::View) -> usize;
    /// Whose row that is.
    fn identity(&self, view: Self::View, row: usize) -> Self::Identity;
    /// What `y` copies.
    fn copied(who: &Self::Identity) -> String;
    /// The rows that pass a filter.
    fn passing(&self, view: Self::View, filter: &Filter) -> Vec<usize>;
    /// Whether a search for this text, in small letters, finds a row.
    fn finds(&self, view: Self::View, row: usize, wanted: &str) -> bool;

    /// The columns of a table, the most telling first: a narrow screen drops the last.
    fn columns(view: Self::View) -> &'static [Self::Column];
    /// Columns that may be left out where there is little room.
    fn idle(&self, view: Self::View) -> &'static [Self::Column];
    /// By what rows are sorted at first, and then where they are equal.
    fn sorts(view: Self::View) -> &'static [Self::Column];
    /// The order of two rows by a column: the worst first, names upwards.
    fn order(&self, view: Self::View, column: Self::Column, a: usize, b: usize) -> Ordering;
    /// A cell.
    fn cell(&self, view: Self::View, column: Self::Column, row: usize, look: Look) -> String;
    /// Whether the tab of its table counts a row.
    fn counts(&self, view: Self::View, row: usize) -> bool;
    /// Whether it deserves a colour.
    fn strong(&self, view: Self::View, column: Self::Column, row: usize) -> bool;

    /// What a table without any row says.
    fn nobody(&self, view: Self::View, look: Look) -> String;
    /// All about one row, in lines of a width.
    fn detail(
        model: &Model<Self>,
        view: Self::View,
        who: &Self::Identity,
        width: usize,
    ) -> Vec<Line<'static>>;

    /// The head of a frame as text.
    fn head_text(model: &Model<Self>) -> String;
    /// Its table as text, where that is another than the one on the screen.
    fn table_text(&self, view: Self::View, rows: &[usize], look: Look) -> Option<String>;
    /// The frame with these rows of its tables only.
    fn keep(self, rows: [Vec<usize>; 2]) -> Self;
}
