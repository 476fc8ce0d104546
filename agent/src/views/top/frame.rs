//! What a live view needs: a source of frames, and the views of a frame. Screen, keys and batch
//! mode are the same for all.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use api::Time;
use serde::Serialize;

use crate::views::Look;

use super::view::{Identity, View};
use model::filter::{Field, Filter};

/// When a recording was made.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// When it begins.
    pub began: Time,
    /// How long it is.
    pub length: Duration,
}

/// A source of frames.
pub trait Feed: Clone + Send + Sync + 'static {
    /// The type of frame.
    type Frame: Frame;

    /// How the header names the source.
    fn label(&self) -> String;

    /// Where time can be controlled.
    fn recorded(&self) -> Option<Recorded> {
        None
    }

    /// The current frame, with what is wanted beside its tables.
    fn frame(&self, wanted: Wanted) -> impl Future<Output = anyhow::Result<Self::Frame>> + Send;
}

/// What the screen shows, since not all of it is in every frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Title of the view.
    pub view: &'static str,
    /// The row whose details are shown.
    pub who: Option<Identity>,
    /// The moment of a recording, by its distance from the start; else where it is.
    pub at: Option<Duration>,
    /// As many rows as a frame can have: a filter hides most of them, and a tree has few lines for
    /// many.
    pub all: bool,
    /// The filter, for the agent to apply to all rows where a frame has not all.
    pub filter: Option<String>,
    /// The field by which the agent sorts, likewise; `None` for the usual order.
    pub sort: Option<Field>,
}

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

/// A frame, and how to show it.
pub trait Frame: Clone + Debug + Send + 'static {
    /// What it shows, in settings.
    const NAME: &'static str;
    /// All its views; the first one is the default.
    const VIEWS: &'static [&'static dyn View<Self>];
    /// Fields that filters may use.
    const FIELDS: &'static [Field];
    /// An example of a filter.
    const FILTER: &'static str;
    /// What the help adds.
    const NOTES: &'static [&'static str];

    /// Time of the frame.
    fn at(&self) -> String;
    /// Where its data comes from; the first words are the most important.
    fn place(&self, look: Look) -> Vec<String>;
    /// The numbers in the header.
    fn figures(&self) -> Figures;
    /// Lines that need attention.
    fn alarms(&self, look: Look) -> Vec<String>;
    /// Exits since an earlier frame.
    fn exits_since(&self, earlier: &Self) -> Exits;
    /// Adds what follows from the frame before.
    fn compare(&mut self, _earlier: &Self) {}
    /// What holds what, as lines of a tree, if it has one.
    fn tree(&self, _filter: Option<&Filter>, _look: Look) -> Option<String> {
        None
    }
    /// The header as text.
    fn head_text(&self, given: &Given<'_>) -> String;
    /// Shows its own rows again instead of those that were chosen by a filter which has changed.
    fn forget_choice(&mut self) {}
    /// Takes what was looked up with a later frame, and leaves the tables as they are.
    fn look_up(&mut self, later: Self);
    /// The document behind it, without the rows that a filter hides.
    fn document(&self, filter: Option<&Filter>) -> impl Serialize;
}

/// The rows of a view that pass a filter.
pub fn passing<F>(frame: &F, view: &dyn View<F>, filter: Option<&Filter>) -> Vec<usize> {
    let rows = 0..view.rows(frame);
    match filter {
        Some(filter) => rows
            .filter(|&row| view.passes(frame, row, filter))
            .collect(),
        None => rows.collect(),
    }
}

/// The place of a view by its name, in lower case.
pub fn place_of<F: Frame>(name: &str) -> Option<usize> {
    let mut titles = F::VIEWS.iter().map(|view| view.title().to_lowercase());
    titles.position(|title| title == name)
}
