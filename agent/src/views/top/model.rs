//! What the live view knows and shows; no terminal, no clock, no agent.

use std::collections::VecDeque;
use std::time::Duration;

use crate::views::Look;

use super::board::{Board, Exits};
use model::filter::Filter;

/// How many frames the sparkline remembers.
const HISTORY: usize = 60;

/// One table: which rows in which order, and where the user stands.
#[derive(Clone, Debug)]
pub struct List<F: Board> {
    /// Rows of the frame that pass the filter, as they are shown.
    pub order: Vec<usize>,
    /// The selected one, by its place in `order`.
    pub at: usize,
    /// Who that is, once the user has moved there: the selection then follows whoever it is.
    /// Until then it is the first row, so that an untouched screen shows the worst.
    pub who: Option<F::Identity>,
    /// The first one on the screen.
    pub offset: usize,
    /// What it is sorted by.
    pub sort: F::Column,
    /// Whether that is turned around.
    pub reverse: bool,
}

impl<F: Board> List<F> {
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

/// What lies over the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay<V, I> {
    /// The keys.
    Help,
    /// All about one row, seen from the view it was opened in.
    Detail(V, I),
}

/// A line that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What for.
    pub purpose: Purpose,
    /// What is typed so far.
    pub text: String,
}

/// What a typed line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find a row.
    Search,
    /// To hide rows.
    Filter,
}

/// All state of the live view.
#[derive(Debug)]
pub struct Model<F: Board> {
    /// How to print.
    pub look: Look,
    /// Who answers, in words.
    pub source: String,
    /// The frame that is shown.
    pub frame: F,
    /// Exits per second between the last frames, oldest first.
    pub rates: VecDeque<f64>,
    /// Which table is shown.
    pub view: F::View,
    lists: [List<F>; 2],
    /// What lies over it.
    pub overlay: Option<Overlay<F::View, F::Identity>>,
    /// First line of the overlay that is shown.
    pub scroll: usize,
    /// The line that is being typed.
    pub input: Option<Input>,
    /// What was last searched.
    pub search: String,
    /// Which rows are shown.
    pub filter: Option<Filter>,
    /// Whether new frames are wanted.
    pub paused: bool,
    /// Time between frames.
    pub interval: Duration,
    /// What the footer says until the next key.
    pub message: Option<String>,
    /// Why the frame is old, and how old it is.
    pub failure: Option<(String, Duration)>,
    /// Rows on the screen, as last drawn.
    pub page: usize,
}

impl<F: Board> Model<F> {
    /// The state at start, with the first frame.
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

    /// The table that is shown.
    pub fn list(&self) -> &List<F> {
        self.list_of(self.view)
    }

    /// One of the tables.
    pub fn list_of(&self, view: F::View) -> &List<F> {
        &self.lists[Self::place_of(view)]
    }

    /// The table that is shown, to move in.
    pub fn list_mut(&mut self) -> &mut List<F> {
        &mut self.lists[Self::place_of(self.view)]
    }

    /// The place of a view among all.
    pub fn place_of(view: F::View) -> usize {
        let place = F::VIEWS.iter().position(|(it, ..)| *it == view);
        place.expect("every view is in the list")
    }

    /// Takes a new frame.
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

    /// Notes that the agent gave no frame; the old one stays, and says how old it is.
    pub fn fail(&mut self, why: String, silent_for: Duration) {
        self.failure = Some((why, silent_for));
    }

    /// Puts the rows of both tables in order again, each selection staying on whose it is.
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

    /// Moves the selection of the shown table to a place, or to the nearest there is.
    pub fn select(&mut self, at: usize) {
        let at = at.min(self.list().order.len().saturating_sub(1));
        let who = self.identity(at);
        let list = self.list_mut();
        list.at = at;
        list.who = who;
    }

    /// Goes back to the first row, whoever that is from now on.
    pub fn select_first(&mut self) {
        let list = self.list_mut();
        list.at = 0;
        list.who = None;
    }

    /// Whose the selected row of the shown table is.
    pub fn selected(&self) -> Option<F::Identity> {
        self.identity(self.list().at)
    }

    fn identity(&self, at: usize) -> Option<F::Identity> {
        let &i = self.list().order.get(at)?;
        Some(self.frame.identity(self.view, i))
    }
}

/// Finds the selected row in the new order; if it has gone, the place stays.
fn settle<F: Board>(list: &mut List<F>, identity: impl Fn(usize) -> F::Identity) {
    let Some(who) = &list.who else {
        list.at = 0;
        return;
    };
    let found = list.order.iter().position(|&i| identity(i) == *who);
    list.at = found
        .unwrap_or(list.at)
        .min(list.order.len().saturating_sub(1));
    // An empty table forgets nobody: its rows may come back with the next filter.
    if let Some(&i) = list.order.get(list.at) {
        list.who = Some(identity(i));
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
