//! Applies an action to the model, and returns its side effect.

use std::time::Duration;

use crate::views::table::TableColumn;
use crate::views::text;

use super::frame::TopFrame;
use super::keys::Action;
use super::model::{Input, Model, Overlay, Purpose};
use model::filter::Filter;

/// Side effects that only the run loop can perform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Quit.
    Quit,
    /// Suspend until the shell continues the process.
    Suspend,
    /// Copy this to the terminal's clipboard.
    Copy(String),
    /// Save the frame to a file.
    Save,
    /// Request a frame at once.
    Refresh,
}

const STEPS_MS: [u64; 9] = [100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
/// Longer than any filter that a person types.
const MAX_INPUT: usize = 500;

impl<F: TopFrame> Model<F> {
    /// Performs an action, as far as possible here.
    pub fn act(&mut self, action: Action) -> Option<Effect> {
        self.message = None;
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Suspend => return Some(Effect::Suspend),
            Action::CloseOrQuit if self.overlay.is_none() => return Some(Effect::Quit),
            Action::CloseOrQuit | Action::Back => self.overlay = None,
            Action::Up => self.step(|at| at.saturating_sub(1)),
            Action::Down => self.step(|at| at + 1),
            Action::PageUp => self.step_page(usize::saturating_sub),
            Action::PageDown => self.step_page(|at, page| at + page),
            Action::First if self.overlay.is_none() => self.select_first(),
            Action::First => self.scroll = 0,
            // Halved, so that adding to it cannot overflow.
            Action::Last => self.step(|_| usize::MAX / 2),
            Action::Open if self.overlay.is_none() => self.open(),
            Action::Help => self.toggle_help(),
            Action::OtherView => self.show(1 - Self::place_of(self.view)),
            Action::Show(place) => self.show(place),
            Action::Search => self.begin(Purpose::Search, String::new()),
            Action::Filter => {
                let text = self.filter.as_ref().map(|filter| filter.text().to_owned());
                self.begin(Purpose::Filter, text.unwrap_or_default());
            }
            Action::SearchNext => self.find(1, Direction::Down),
            Action::SearchPrevious => self.find(1, Direction::Up),
            Action::Sort => self.sort_by_next(),
            Action::Reverse => {
                let list = self.list_mut();
                list.reverse = !list.reverse;
                self.arrange();
            }
            Action::Pause => {
                self.paused = !self.paused;
                return (!self.paused).then_some(Effect::Refresh);
            }
            Action::Slower => return self.change_interval(|step, now| step > now),
            Action::Faster => return self.change_interval(|step, now| step < now),
            Action::Copy => return self.copy(),
            Action::Save => return Some(Effect::Save),
            Action::Type(_)
            | Action::Erase
            | Action::EraseAll
            | Action::Accept
            | Action::Cancel => self.edit(action),
            Action::Open => {}
        }
        None
    }

    /// Whether keys are text input.
    pub fn typing(&self) -> bool {
        self.input.is_some()
    }

    fn step(&mut self, to: impl Fn(usize) -> usize) {
        if self.overlay.is_some() {
            // Drawing limits it to what exists.
            self.scroll = to(self.scroll);
        } else {
            self.select(to(self.list().at));
        }
    }

    fn step_page(&mut self, to: impl Fn(usize, usize) -> usize) {
        let page = self.page.max(1);
        self.step(|at| to(at, page));
    }

    fn open(&mut self) {
        if let Some(who) = self.selected() {
            self.overlay = Some(Overlay::Detail(self.view, who));
            self.scroll = 0;
        }
    }

    fn toggle_help(&mut self) {
        self.scroll = 0;
        self.overlay = match self.overlay {
            Some(Overlay::Help) => None,
            _ => Some(Overlay::Help),
        };
    }

    fn show(&mut self, place: usize) {
        self.overlay = None;
        self.view = F::VIEWS[place].0;
    }

    fn begin(&mut self, purpose: Purpose, text: String) {
        self.overlay = None;
        self.input = Some(Input { purpose, text });
    }

    fn edit(&mut self, action: Action) {
        let Some(input) = &mut self.input else { return };
        match action {
            Action::Type(c) if input.text.len() < MAX_INPUT && !c.is_control() => {
                input.text.push(c);
            }
            Action::Erase => drop(input.text.pop()),
            Action::EraseAll => input.text.clear(),
            Action::Cancel => self.input = None,
            Action::Accept => self.accept(),
            _ => {}
        }
    }

    fn accept(&mut self) {
        let Some(input) = self.input.take() else {
            return;
        };
        match input.purpose {
            Purpose::Search => {
                self.search = input.text;
                self.find(0, Direction::Down);
            }
            Purpose::Filter if input.text.trim().is_empty() => {
                self.filter = None;
                self.arrange();
            }
            Purpose::Filter => match Filter::parse_for(&input.text, F::FIELDS) {
                Ok(filter) => {
                    self.filter = Some(filter);
                    self.arrange();
                }
                Err(error) => {
                    self.message = Some(error);
                    self.input = Some(input);
                }
            },
        }
    }

    /// Selects the nearest match that is at least `skip` rows away, wrapping around.
    fn find(&mut self, skip: usize, direction: Direction) {
        if self.search.is_empty() {
            let what = F::WORDS.search;
            self.message = Some(format!("nothing to search for; press / and type {what}"));
            return;
        }
        let wanted = self.search.to_lowercase();
        let rows = self.list().order.len();
        let at = self.list().at;
        let found = (skip..rows + skip)
            .map(|distance| match direction {
                Direction::Down => (at + distance) % rows,
                Direction::Up => (at + 2 * rows - distance) % rows,
            })
            .find(|&place| {
                let row = self.list().order[place];
                self.frame.finds(self.view, row, &wanted)
            });
        match found {
            Some(place) => self.select(place),
            None => self.message = Some(format!("no row matches `{}`", self.search)),
        }
    }

    fn sort_by_next(&mut self) {
        let columns = F::columns(self.view);
        let list = self.list_mut();
        let at = columns
            .iter()
            .position(|column| *column == list.sort)
            .unwrap_or(0);
        list.sort = columns[(at + 1) % columns.len()];
        list.reverse = false;
        let head = list.sort.layout().head;
        self.arrange();
        self.message = Some(format!("sorted by {head}"));
    }

    fn change_interval(&mut self, wanted: fn(u64, u64) -> bool) -> Option<Effect> {
        let now = self.interval.as_millis() as u64;
        let steps = STEPS_MS.into_iter().filter(|&step| wanted(step, now));
        // Of the steps on the wanted side, the nearest one.
        if let Some(step) = steps.min_by_key(|&step| step.abs_diff(now)) {
            self.interval = Duration::from_millis(step);
        }
        self.message = Some(format!(
            "refreshing every {}",
            humantime::format_duration(self.interval)
        ));
        // Refresh now, so that a long interval chosen earlier ends.
        (!self.paused).then_some(Effect::Refresh)
    }

    fn copy(&mut self) -> Option<Effect> {
        let who = match &self.overlay {
            Some(Overlay::Detail(_, who)) => Some(who.clone()),
            _ => self.selected(),
        };
        if who.is_none() {
            self.message = Some("no row is selected".to_owned());
        }
        who.map(|who| Effect::Copy(F::copied(&who)))
    }

    /// The text for a view without rows.
    pub fn empty_words(&self) -> String {
        let hidden = self.frame.rows(self.view);
        if let (Some(filter), true) = (&self.filter, hidden > 0) {
            let verb = if hidden == 1 { "is" } else { "are" };
            let rows = text::count(hidden as u64, "row");
            return format!(
                "no row matches the filter {}: {rows} {verb} hidden",
                filter.text()
            );
        }
        self.frame.empty_text(self.view, self.look)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Down,
    Up,
}
