//! Applies an action to the model, and returns its side effect.

use std::time::Duration;

use super::frame::Frame;
use super::keys::Action;
use super::model::{Input, Model, Overlay, Purpose};
use super::player::Move;
use super::view::Identity;
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
const NOT_RECORDED: &str = "only a recording has time controls: reapwatch replay FILE top";

impl<F: Frame> Model<F> {
    /// Performs an action, as far as possible here.
    pub fn act(&mut self, action: Action) -> Option<Effect> {
        self.message = None;
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Suspend => return Some(Effect::Suspend),
            Action::CloseOrQuit if self.overlay.is_none() => return Some(Effect::Quit),
            Action::CloseOrQuit => self.overlay = None,
            Action::Back => return self.back(),
            Action::Up => self.step(|at| at.saturating_sub(1)),
            Action::Down => self.step(|at| at + 1),
            Action::PageUp => self.step_page(usize::saturating_sub),
            Action::PageDown => self.step_page(|at, page| at + page),
            Action::First if self.overlay.is_none() => self.select_first(),
            Action::First => self.step(|_| 0),
            // Halved, so that adding to it cannot overflow.
            Action::Last => self.step(|_| usize::MAX / 2),
            Action::Open => return self.open(),
            Action::Help => self.toggle(&Overlay::Help),
            Action::Tree => return self.tree(),
            Action::NextView => return self.show((self.place + 1) % F::VIEWS.len()),
            Action::PreviousView => {
                return self.show((self.place + F::VIEWS.len() - 1) % F::VIEWS.len());
            }
            Action::Show(place) => return self.show(place),
            Action::Search => self.begin(Purpose::Search, String::new()),
            Action::Filter => {
                let text = self.filter.as_ref().map(|filter| filter.text().to_owned());
                self.begin(Purpose::Filter, text.unwrap_or_default());
            }
            Action::SearchNext => self.find(1, Direction::Down),
            Action::SearchPrevious => self.find(1, Direction::Up),
            Action::Sort => self.pick_sort(),
            Action::Reverse => {
                let list = self.list_mut();
                list.reverse = !list.reverse;
                self.arrange();
            }
            Action::Idle => {
                self.idle = !self.idle;
                self.arrange();
            }
            Action::Group => {
                self.group = !self.group;
                self.arrange();
            }
            Action::Pause => return self.pause(),
            Action::Move(how) => return self.shift(how),
            Action::GoTo if self.player.is_some() => self.begin(Purpose::Moment, String::new()),
            Action::GoTo => self.message = Some(NOT_RECORDED.to_owned()),
            Action::Slower => return self.change_interval(|step, now| step > now),
            Action::Faster => return self.change_interval(|step, now| step < now),
            Action::Copy => return self.copy(),
            Action::Save => return Some(Effect::Save),
            Action::Type(_) | Action::Erase | Action::EraseAll | Action::Cancel => {
                self.edit(action);
            }
            Action::Accept => return self.accept(),
        }
        None
    }

    /// Closes the overlay, or else shows all rows again.
    fn back(&mut self) -> Option<Effect> {
        if self.overlay.take().is_some() {
            return None;
        }
        self.search.clear();
        self.set_filter(None)
    }

    /// Filters what the frame has, and asks for the rows that it lacks.
    fn set_filter(&mut self, filter: Option<Filter>) -> Option<Effect> {
        let is_new = filter != self.filter;
        self.filter = filter;
        self.frame.forget_choice();
        self.arrange();
        is_new.then_some(Effect::Refresh)
    }

    /// Whether keys are text input.
    pub fn typing(&self) -> bool {
        self.input.is_some()
    }

    fn step(&mut self, to: impl Fn(usize) -> usize) {
        match &mut self.overlay {
            None => self.select(to(self.list().at)),
            Some(Overlay::Sort(at)) => {
                let last = F::VIEWS[self.place].layouts().len() - 1;
                *at = to(*at).min(last);
            }
            // Drawing limits it to what exists.
            Some(Overlay::Help | Overlay::Detail(_) | Overlay::Tree) => {
                self.scroll = to(self.scroll);
            }
        }
    }

    fn step_page(&mut self, to: impl Fn(usize, usize) -> usize) {
        let page = self.page.max(1);
        self.step(|at| to(at, page));
    }

    /// Opens the selected row, or takes the selected sort column.
    fn open(&mut self) -> Option<Effect> {
        match self.overlay {
            None => {
                self.overlay = Some(Overlay::Detail(self.selected()?));
                self.scroll = 0;
                return Some(Effect::Refresh);
            }
            Some(Overlay::Sort(at)) => {
                let list = self.list_mut();
                (list.sort, list.reverse) = (at, false);
                self.overlay = None;
                self.arrange();
            }
            Some(Overlay::Help | Overlay::Detail(_) | Overlay::Tree) => {}
        }
        None
    }

    fn toggle(&mut self, overlay: &Overlay) {
        self.scroll = 0;
        let is_open = self.overlay.as_ref() == Some(overlay);
        self.overlay = (!is_open).then(|| overlay.clone());
    }

    fn tree(&mut self) -> Option<Effect> {
        if self.frame.tree(None, self.look).is_none() {
            self.message = Some("there is no tree of a cluster".to_owned());
            return None;
        }
        self.toggle(&Overlay::Tree);
        Some(Effect::Refresh)
    }

    /// Opens the choice of a sort column, or goes to the next one.
    fn pick_sort(&mut self) {
        let columns = self.view().layouts().len();
        let at = match self.overlay {
            Some(Overlay::Sort(at)) => (at + 1) % columns,
            _ => self.list().sort,
        };
        self.overlay = Some(Overlay::Sort(at));
    }

    /// Shows another view. Not all of its rows may be in the frame.
    fn show(&mut self, place: usize) -> Option<Effect> {
        if place >= F::VIEWS.len() {
            return None;
        }
        self.overlay = None;
        self.place = place;
        self.arrange();
        Some(Effect::Refresh)
    }

    fn begin(&mut self, purpose: Purpose, text: String) {
        self.overlay = None;
        self.input = Some(Input {
            purpose,
            text,
            wrong: None,
        });
    }

    fn edit(&mut self, action: Action) {
        let Some(input) = &mut self.input else { return };
        input.wrong = None;
        match action {
            Action::Type(c) if input.text.len() < MAX_INPUT && !c.is_control() => {
                input.text.push(c);
            }
            Action::Erase => drop(input.text.pop()),
            Action::EraseAll => input.text.clear(),
            Action::Cancel => self.input = None,
            _ => {}
        }
    }

    fn accept(&mut self) -> Option<Effect> {
        let input = self.input.take()?;
        match input.purpose {
            Purpose::Moment => {
                if let Some(Err(why)) = self.player.as_mut().map(|it| it.go_to(&input.text)) {
                    self.message = Some(why);
                    self.input = Some(input);
                    return None;
                }
                return Some(Effect::Refresh);
            }
            Purpose::Search => {
                self.search = input.text;
                self.find(0, Direction::Down);
            }
            Purpose::Filter if input.text.trim().is_empty() => return self.set_filter(None),
            Purpose::Filter => match Filter::parse(&input.text, F::FIELDS) {
                Ok(filter) => return self.set_filter(Some(filter)),
                Err(error) => {
                    self.message = Some(error.to_string());
                    self.input = Some(Input {
                        wrong: Some(error.at),
                        ..input
                    });
                }
            },
        }
        None
    }

    /// Pauses or resumes; a recording that is over plays again.
    fn pause(&mut self) -> Option<Effect> {
        match &mut self.player {
            Some(player) if player.is_over() => {
                player.rewind();
                self.paused = false;
            }
            _ => self.paused = !self.paused,
        }
        (!self.paused).then_some(Effect::Refresh)
    }

    /// Moves in a recording. Who steps looks at single frames, so time stops.
    fn shift(&mut self, how: Move) -> Option<Effect> {
        let Some(player) = &mut self.player else {
            self.message = Some(NOT_RECORDED.to_owned());
            return None;
        };
        player.shift(how, self.interval);
        self.paused |= matches!(how, Move::Step | Move::StepBack);
        Some(Effect::Refresh)
    }

    /// Selects the nearest match that is at least `skip` rows away, wrapping around.
    fn find(&mut self, skip: usize, direction: Direction) {
        if self.search.is_empty() {
            self.message = Some("nothing to search for; press / and type a name".to_owned());
            return;
        }
        let wanted = self.search.to_lowercase();
        let view = self.view();
        let rows = self.list().order.len();
        let at = self.list().at;
        let found = (skip..rows + skip)
            .map(|distance| match direction {
                Direction::Down => (at + distance) % rows,
                Direction::Up => (at + 2 * rows - distance) % rows,
            })
            .find(|&place| {
                let row = self.list().order[place];
                let label = view.label(&self.frame, row);
                label.to_lowercase().contains(&wanted)
            });
        match found {
            Some(place) => self.select(place),
            None if view.missing(&self.frame).cut > 0 => self.offer_filter(),
            None => self.message = Some(format!("no row matches `{}`", self.search)),
        }
    }

    /// The rows that the frame lacks cannot be searched, but the agent can filter them.
    fn offer_filter(&mut self) {
        let cut = self.view().missing(&self.frame).cut;
        self.message = Some(format!(
            "no row here matches `{}`, and {} not shown; Enter filters all of them",
            self.search,
            match cut {
                1 => "1 is".to_owned(),
                cut => format!("{cut} are"),
            }
        ));
        let wanted = self.search.replace('"', "");
        let wanted = format!("comm~\"{wanted}\" or workload~\"{wanted}\" or why~\"{wanted}\"");
        let text = match &self.filter {
            Some(filter) => format!("({}) and ({wanted})", filter.text()),
            None => wanted,
        };
        self.begin(Purpose::Filter, text);
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
        let row = match &self.overlay {
            Some(Overlay::Detail(who)) => self.row_of(who),
            _ => self.list().order.get(self.list().at).copied(),
        };
        if row.is_none() {
            self.message = Some("no row is selected".to_owned());
        }
        row.map(|row| Effect::Copy(self.view().copied(&self.frame, row)))
    }

    fn row_of(&self, who: &Identity) -> Option<usize> {
        let mut rows = 0..self.view().rows(&self.frame);
        rows.find(|&row| self.view().identity(&self.frame, row) == *who)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Down,
    Up,
}
