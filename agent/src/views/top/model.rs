//! State of the live view. No terminal, no clock, no agent.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use crate::views::Look;

use super::frame::{Exits, Frame, Given, Wanted, passing};
use super::player::Player;
use super::settings::{Settings, Sort};
use super::view::{Identity, View};
use model::filter::{Field, Filter};

/// How many rates the sparkline shows.
const HISTORY: usize = 120;

/// The rows of one view in order, and the selection.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Rows of the frame that match the filter, in display order.
    pub order: Vec<usize>,
    /// How many rows are hidden because they are idle.
    pub idle: usize,
    /// How many rows do not match the filter.
    pub filtered: usize,
    /// The selected row, as an index into `order`.
    pub at: usize,
    /// Identity of the selected row once the user has moved: the selection then follows it. Until
    /// then the first row stays selected, so that an untouched screen shows the worst.
    pub who: Option<Identity>,
    /// The first visible row.
    pub offset: usize,
    /// The columns of which any row has a value.
    pub used: Vec<usize>,
    /// The longest text so far in each column: columns do not move back and forth.
    pub needs: Vec<usize>,
    /// The sort column.
    pub sort: usize,
    /// Whether the order is reversed.
    pub reverse: bool,
}

/// What covers the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The help.
    Help,
    /// The choice of a sort column, with the selected one.
    Sort(usize),
    /// Details of one row.
    Detail(Identity),
    /// The tree.
    Tree,
}

/// The input line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its purpose.
    pub purpose: Purpose,
    /// What is typed so far.
    pub text: String,
    /// What is wrong with it, in bytes of the text.
    pub wrong: Option<Range<usize>>,
}

/// Purpose of the input line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Search for a row.
    Search,
    /// Filter the rows.
    Filter,
    /// Go to a moment of a recording.
    Moment,
}

/// All state of the live view.
#[derive(Debug)]
pub struct Model<F: Frame> {
    /// How to print.
    pub look: Look,
    /// How the header names the source.
    pub source: String,
    /// The displayed frame.
    pub frame: F,
    /// Exits per second between the last frames, oldest first.
    pub rates: VecDeque<f64>,
    /// The place of the displayed view.
    pub place: usize,
    lists: Vec<List>,
    /// The overlay, if any.
    pub overlay: Option<Overlay>,
    /// The first visible line of the overlay.
    pub scroll: usize,
    /// The input line, if open.
    pub input: Option<Input>,
    /// The last search.
    pub search: String,
    /// The filter, if any.
    pub filter: Option<Filter>,
    /// Whether idle rows are shown.
    pub idle: bool,
    /// Whether the rows of a workload stand together.
    pub group: bool,
    /// Whether updates are paused.
    pub paused: bool,
    /// The position, in a recording.
    pub player: Option<Player>,
    /// Time between frames.
    pub interval: Duration,
    /// A message in the footer until the next key.
    pub message: Option<String>,
    /// Why the frame is outdated, and its age.
    pub failure: Option<(String, Duration)>,
    /// Visible rows, as last drawn.
    pub page: usize,
    /// Lines of the overlay, as last drawn.
    pub lines: usize,
}

impl<F: Frame> Model<F> {
    /// The initial state, with the first frame.
    pub fn new(look: Look, source: String, place: usize, settings: &Settings, frame: F) -> Self {
        let list = |view: &&dyn View<F>| {
            let sort = settings.sort_of(view.title());
            let column = sort.and_then(|sort| column_named(*view, &sort.by));
            List {
                sort: column.unwrap_or_else(|| view.first_sort()),
                reverse: column.is_some() && sort.is_some_and(|sort| sort.reverse),
                ..List::default()
            }
        };
        let filter = settings.filters.get(F::NAME);
        let filter = filter.and_then(|text| Filter::parse(text, F::FIELDS).ok());
        let mut model = Self {
            look,
            source,
            frame,
            rates: VecDeque::new(),
            place,
            lists: F::VIEWS.iter().map(list).collect(),
            overlay: None,
            scroll: 0,
            input: None,
            search: String::new(),
            filter,
            idle: settings.idle,
            group: settings.group,
            paused: false,
            player: None,
            interval: settings.interval,
            message: None,
            failure: None,
            page: 1,
            lines: 0,
        };
        model.arrange();
        model
    }

    /// What of it is remembered until the next time.
    pub fn settings(&self) -> Settings {
        let sorts = F::VIEWS.iter().zip(&self.lists);
        let sorts = sorts.filter(|(view, list)| list.reverse || list.sort != view.first_sort());
        Settings {
            interval: self.interval,
            idle: self.idle,
            group: self.group,
            filters: self
                .filter
                .iter()
                .map(|filter| (F::NAME.to_owned(), filter.text().to_owned()))
                .collect(),
            sorts: sorts
                .map(|(view, list)| {
                    let sort = Sort {
                        by: view.layouts()[list.sort].head.to_lowercase(),
                        reverse: list.reverse,
                    };
                    (view.title().to_lowercase(), sort)
                })
                .collect(),
        }
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

    /// What the next frame must have.
    pub fn wanted(&self) -> Wanted {
        let who = match &self.overlay {
            Some(Overlay::Detail(who)) => Some(who.clone()),
            Some(Overlay::Tree) => self.selected(),
            _ => None,
        };
        Wanted {
            view: self.view().title(),
            who,
            at: self.player.as_ref().map(Player::at),
            all: self.filter.is_some() || self.overlay == Some(Overlay::Tree),
            filter: self.filter.as_ref().map(|it| it.text().to_owned()),
            sort: self.sort(),
        }
    }

    /// The field by which an agent can sort the rows of the displayed view, unless it is in its usual
    /// order anyway.
    fn sort(&self) -> Option<Field> {
        let (view, list) = (self.view(), self.list());
        let is_asked = !list.reverse && list.sort != view.first_sort();
        let field = is_asked.then(|| view.layouts()[list.sort].head.parse().ok());
        field.flatten()
    }

    /// Time passes, in a recording that plays.
    pub fn pass(&mut self, elapsed: Duration) {
        if let Some(player) = self.player.as_mut().filter(|_| !self.paused) {
            player.pass(elapsed);
        }
    }

    /// Whether the frame stays as it is. A moment of a recording has only one frame.
    pub fn is_frozen(&self) -> bool {
        self.paused && self.player.is_none()
    }

    /// The displayed view.
    pub fn view(&self) -> &'static dyn View<F> {
        F::VIEWS[self.place]
    }

    /// Its list.
    pub fn list(&self) -> &List {
        &self.lists[self.place]
    }

    /// Its list, for changes.
    pub fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.place]
    }

    /// Applies a new frame.
    pub fn apply(&mut self, mut frame: F) {
        frame.compare(&self.frame);
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

    /// Takes from a later frame what was asked for while updates are paused.
    pub fn look_up(&mut self, later: F) {
        self.frame.look_up(later);
        self.failure = None;
        self.arrange();
    }

    /// Notes that no frame arrived; the old one stays, marked with its age.
    pub fn fail(&mut self, why: String, silent_for: Duration) {
        self.failure = Some((why, silent_for));
    }

    /// Sorts the displayed view again; the selection stays on its row.
    pub fn arrange(&mut self) {
        let (frame, view) = (&self.frame, F::VIEWS[self.place]);
        let list = &mut self.lists[self.place];
        let mut rows = passing(frame, view, self.filter.as_ref());
        let passing = rows.len();
        if !self.idle {
            rows.retain(|&row| !view.is_idle(frame, row));
        }
        list.filtered = view.rows(frame) - passing;
        list.idle = passing - rows.len();
        list.order = view.sorted(frame, rows, list.sort, list.reverse);
        if self.group {
            gather(frame, view, &mut list.order);
        }
        list.used = view.used(frame);
        let needs = view.needs(frame, &list.order, self.look);
        list.needs.resize(needs.len(), 0);
        for (longest, need) in list.needs.iter_mut().zip(needs) {
            *longest = need.max(*longest);
        }
        settle(list, |row| view.identity(frame, row));
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
    pub fn selected(&self) -> Option<Identity> {
        self.identity(self.list().at)
    }

    fn identity(&self, at: usize) -> Option<Identity> {
        let &row = self.list().order.get(at)?;
        Some(self.view().identity(&self.frame, row))
    }

    /// The text for a view without rows.
    pub fn empty_words(&self) -> String {
        let rows = self.view().rows(&self.frame) as u64;
        let rows = rows + self.view().missing(&self.frame).filtered;
        match &self.filter {
            Some(filter) if self.list().idle == 0 && rows > 0 => format!(
                "no row matches the filter {}: {} hidden; Esc clears it",
                filter.text(),
                crate::views::text::count(rows, "row")
            ),
            _ => self.view().empty(&self.frame, self.look),
        }
    }
}

/// Puts the rows of each workload together, where the first of them is.
fn gather<F>(frame: &F, view: &dyn View<F>, order: &mut [usize]) {
    let Some(column) = column_named(view, "WORKLOAD") else {
        return;
    };
    let mut places = HashMap::new();
    let mut rows: Vec<_> = order
        .iter()
        .map(|&row| {
            let next = places.len();
            let workload = view.cell(frame, column, row, Look::PLAIN);
            (*places.entry(workload).or_insert(next), row)
        })
        .collect();
    rows.sort_by_key(|(place, _)| *place);
    for (to, (_, row)) in order.iter_mut().zip(rows) {
        *to = row;
    }
}

/// The column with this heading, in any case.
pub fn column_named<F>(view: &dyn View<F>, head: &str) -> Option<usize> {
    let layouts = view.layouts();
    let mut layouts = layouts.iter();
    layouts.position(|layout| layout.head.eq_ignore_ascii_case(head))
}

/// Finds the selected row in the new order; if it is gone, the position stays.
fn settle(list: &mut List, identity: impl Fn(usize) -> Identity) {
    let Some(who) = &list.who else {
        list.at = 0;
        return;
    };
    let found = list.order.iter().position(|&row| identity(row) == *who);
    list.at = found
        .unwrap_or(list.at)
        .min(list.order.len().saturating_sub(1));
    // Keep the identity while the table is empty: its row may return with the next filter.
    if let Some(&row) = list.order.get(list.at) {
        list.who = Some(identity(row));
    }
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod cut_tests;
#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
