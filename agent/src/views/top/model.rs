//! State of the live view. No terminal, no clock, no agent.

use std::collections::VecDeque;
use std::time::Duration;

use crate::views::Look;

use super::frame::{Exits, Given, TopFrame};
use model::filter::Filter;

/// How many rates the sparkline shows.
const HISTORY: usize = 60;

/// One table: its rows in order, and the selection.
#[derive(Clone, Debug)]
pub struct List<F: TopFrame> {
    /// Rows of the frame that match the filter, in display order.
    pub order: Vec<usize>,
    /// The selected row, as an index into `order`.
    pub at: usize,
    /// Identity of the selected row once the user has moved: the selection then follows it. Until
    /// then the first row stays selected, so that an untouched screen shows the worst.
    pub who: Option<F::Identity>,
    /// The first visible row.
    pub offset: usize,
    /// The sort column.
    pub sort: F::Column,
    /// Whether the order is reversed.
    pub reverse: bool,
}

impl<F: TopFrame> List<F> {
    fn new(view: F::View) -> Self {
        Self {
            order: Vec::new(),
            at: 0,
            who: None,
            offset: 0,
            sort: F::sorts(view)[0],
            reverse: false,
        }
    }
}

/// What covers the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay<V, I> {
    /// The help.
    Help,
    /// Details of one row, opened in this view.
    Detail(V, I),
}

/// The input line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its purpose.
    pub purpose: Purpose,
    /// What is typed so far.
    pub text: String,
}

/// Purpose of the input line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Search for a row.
    Search,
    /// Filter the rows.
    Filter,
}

/// All state of the live view.
#[derive(Debug)]
pub struct Model<F: TopFrame> {
    /// How to print.
    pub look: Look,
    /// How the header names the source.
    pub source: String,
    /// The displayed frame.
    pub frame: F,
    /// Exits per second between the last frames, oldest first.
    pub rates: VecDeque<f64>,
    /// The displayed table.
    pub view: F::View,
    lists: [List<F>; 2],
    /// The overlay, if any.
    pub overlay: Option<Overlay<F::View, F::Identity>>,
    /// The first visible line of the overlay.
    pub scroll: usize,
    /// The input line, if open.
    pub input: Option<Input>,
    /// The last search.
    pub search: String,
    /// The filter, if any.
    pub filter: Option<Filter>,
    /// Whether updates are paused.
    pub paused: bool,
    /// Time between frames.
    pub interval: Duration,
    /// A message in the footer until the next key.
    pub message: Option<String>,
    /// Why the frame is outdated, and its age.
    pub failure: Option<(String, Duration)>,
    /// Visible rows, as last drawn.
    pub page: usize,
}

impl<F: TopFrame> Model<F> {
    /// The initial state, with the first frame.
    pub fn new(
        look: Look,
        source: String,
        view: F::View,
        filter: Option<Filter>,
        interval: Duration,
        frame: F,
    ) -> Self {
        let mut model = Self {
            look,
            source,
            frame,
            rates: VecDeque::new(),
            view,
            lists: F::VIEWS.map(|(view, ..)| List::new(view)),
            overlay: None,
            scroll: 0,
            input: None,
            search: String::new(),
            filter,
            paused: false,
            interval,
            message: None,
            failure: None,
            page: 1,
        };
        model.arrange();
        model
    }

    /// What a header shows beside the frame.
    pub fn given(&self) -> Given<'_> {
        Given {
            look: self.look,
            source: &self.source,
            exits_per_second: self.rates.back().copied(),
            filter: self.filter.as_ref(),
        }
    }

    /// The displayed table.
    pub fn list(&self) -> &List<F> {
        self.list_of(self.view)
    }

    /// One of the tables.
    pub fn list_of(&self, view: F::View) -> &List<F> {
        &self.lists[Self::place_of(view)]
    }

    /// The displayed table, for changes.
    pub fn list_mut(&mut self) -> &mut List<F> {
        &mut self.lists[Self::place_of(self.view)]
    }

    /// Index of a view.
    pub fn place_of(view: F::View) -> usize {
        let place = F::VIEWS.iter().position(|(it, ..)| *it == view);
        place.expect("every view is in the list")
    }

    /// Applies a new frame.
    pub fn apply(&mut self, frame: F) {
        match frame.exits_since(&self.frame) {
            Exits::Anew => self.rates.clear(),
            Exits::PerSecond(rate) => {
                self.rates.push_back(rate);
                if self.rates.len() > HISTORY {
                    self.rates.pop_front();
                }
            }
            Exits::Unknown => {}
        }
        self.frame = frame;
        self.failure = None;
        self.arrange();
    }

    /// Notes that no frame arrived; the old one stays, marked with its age.
    pub fn fail(&mut self, why: String, silent_for: Duration) {
        self.failure = Some((why, silent_for));
    }

    /// Sorts both tables again; each selection stays on its row.
    pub fn arrange(&mut self) {
        let frame = &self.frame;
        for ((view, ..), list) in F::VIEWS.into_iter().zip(&mut self.lists) {
            list.order = match &self.filter {
                Some(filter) => frame.passing(view, filter),
                None => (0..frame.rows(view)).collect(),
            };
            list.order.sort_by(|&a, &b| {
                let first = frame.order(view, list.sort, a, b);
                let first = if list.reverse { first.reverse() } else { first };
                F::sorts(view).iter().fold(first, |order, &column| {
                    order.then_with(|| frame.order(view, column, a, b))
                })
            });
            settle(list, |i| frame.identity(view, i));
        }
    }

    /// Moves the selection to this position, or the nearest.
    pub fn select(&mut self, at: usize) {
        let at = at.min(self.list().order.len().saturating_sub(1));
        let who = self.identity(at);
        let list = self.list_mut();
        list.at = at;
        list.who = who;
    }

    /// Selects the first row, without following it.
    pub fn select_first(&mut self) {
        let list = self.list_mut();
        list.at = 0;
        list.who = None;
    }

    /// Identity of the selected row.
    pub fn selected(&self) -> Option<F::Identity> {
        self.identity(self.list().at)
    }

    fn identity(&self, at: usize) -> Option<F::Identity> {
        let &i = self.list().order.get(at)?;
        Some(self.frame.identity(self.view, i))
    }
}

/// Finds the selected row in the new order; if it is gone, the position stays.
fn settle<F: TopFrame>(list: &mut List<F>, identity: impl Fn(usize) -> F::Identity) {
    let Some(who) = &list.who else {
        list.at = 0;
        return;
    };
    let found = list.order.iter().position(|&i| identity(i) == *who);
    list.at = found
        .unwrap_or(list.at)
        .min(list.order.len().saturating_sub(1));
    // Keep the identity while the table is empty: its row may return with the next filter.
    if let Some(&i) = list.order.get(list.at) {
        list.who = Some(identity(i));
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
