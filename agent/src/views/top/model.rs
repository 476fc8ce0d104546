//! What the live view knows and shows; no terminal, no clock, no agent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::api::{Document, Parent, Process, Top, Zombie};
use crate::cli::TopView;
use crate::views::Look;

use super::columns::{self, Column};
use super::filter::{Filter, Row};

/// How many frames the sparkline remembers.
const HISTORY: usize = 60;

/// A process over all time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its PID.
    pub pid: u32,
    /// When it started.
    pub start_time: Option<String>,
}

impl Identity {
    /// Of a process.
    pub fn of(process: &Process) -> Self {
        Self {
            pid: process.pid,
            start_time: process.start_time.clone(),
        }
    }

    /// Of a zombie.
    pub fn of_zombie(zombie: &Zombie) -> Self {
        Self {
            pid: zombie.pid,
            start_time: zombie.start_time.clone(),
        }
    }
}

/// One table: which rows in which order, and where the user stands.
#[derive(Clone, Debug)]
pub struct List {
    /// Rows of the frame that pass the filter, as they are shown.
    pub order: Vec<usize>,
    /// The selected one, by its place in `order`.
    pub at: usize,
    /// Who that is, once the user has moved there: the selection then follows the process.
    /// Until then it is the first row, so that an untouched screen shows the worst.
    pub who: Option<Identity>,
    /// The first one on the screen.
    pub offset: usize,
    /// What it is sorted by.
    pub sort: Column,
    /// Whether that is turned around.
    pub reverse: bool,
}

impl List {
    fn new(view: TopView) -> Self {
        Self {
            order: Vec::new(),
            at: 0,
            who: None,
            offset: 0,
            sort: columns::first_sort(view),
            reverse: false,
        }
    }
}

/// What lies over the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The keys.
    Help,
    /// All about one process, seen from the view it was opened in.
    Detail(TopView, Identity),
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
pub struct Model {
    /// How to print.
    pub look: Look,
    /// Who answers, in words.
    pub source: String,
    /// The frame that is shown.
    pub frame: Document<Top>,
    /// Exits per second between the last frames, oldest first.
    pub rates: VecDeque<f64>,
    /// Which table is shown.
    pub view: TopView,
    culprits: List,
    zombies: List,
    /// What lies over it.
    pub overlay: Option<Overlay>,
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

impl Model {
    /// The state at start, with the first frame.
    pub fn new(
        look: Look,
        source: String,
        view: TopView,
        filter: Option<Filter>,
        interval: Duration,
        frame: Document<Top>,
    ) -> Self {
        let mut model = Self {
            look,
            source,
            frame,
            rates: VecDeque::new(),
            view,
            culprits: List::new(TopView::Culprits),
            zombies: List::new(TopView::Zombies),
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

    /// The frame's only item.
    pub fn top(&self) -> &Top {
        // `Source::top` let no other document through.
        &self.frame.items[0]
    }

    /// The table that is shown.
    pub fn list(&self) -> &List {
        self.list_of(self.view)
    }

    /// One of the tables.
    pub fn list_of(&self, view: TopView) -> &List {
        match view {
            TopView::Culprits => &self.culprits,
            TopView::Zombies => &self.zombies,
        }
    }

    /// The table that is shown, to move in.
    pub fn list_mut(&mut self) -> &mut List {
        match self.view {
            TopView::Culprits => &mut self.culprits,
            TopView::Zombies => &mut self.zombies,
        }
    }

    /// Takes a new frame.
    pub fn apply(&mut self, frame: Document<Top>) {
        let (old, new) = (&self.top().summary, &frame.items[0].summary);
        let seconds = new.uptime_seconds - old.uptime_seconds;
        if seconds < 0.0 || new.exits_total < old.exits_total {
            // Another agent answers: its counters began anew.
            self.rates.clear();
        } else if seconds > 0.0 {
            self.rates
                .push_back((new.exits_total - old.exits_total) as f64 / seconds);
            if self.rates.len() > HISTORY {
                self.rates.pop_front();
            }
        }
        self.frame = frame;
        self.failure = None;
        self.arrange();
    }

    /// Notes that the agent gave no frame; the old one stays, and says how old it is.
    pub fn fail(&mut self, why: String, silent_for: Duration) {
        self.failure = Some((why, silent_for));
    }

    /// Puts the rows of both tables in order again, each selection staying on its process.
    pub fn arrange(&mut self) {
        let Top {
            parents, zombies, ..
        } = &self.frame.items[0];
        let filter = self.filter.as_ref();

        let list = &mut self.culprits;
        list.order = (0..parents.len())
            .filter(|&i| filter.is_none_or(|filter| filter.matches(&culprit_row(&parents[i]))))
            .collect();
        list.order.sort_by(|&a, &b| {
            let (a, b) = (&parents[a], &parents[b]);
            let first = list.sort.order_culprits(a, b);
            (if list.reverse { first.reverse() } else { first })
                .then_with(|| Column::Zombies.order_culprits(a, b))
                .then_with(|| Column::Oldest.order_culprits(a, b))
                .then_with(|| Column::Reaps.order_culprits(a, b))
                .then_with(|| Column::Pid.order_culprits(a, b))
        });
        settle(list, |i| Identity::of(&parents[i].process));

        let list = &mut self.zombies;
        // Made only for a filter: a host may have very many of both.
        let by_pid: HashMap<u32, &Parent> = match filter {
            Some(_) => parents
                .iter()
                .map(|parent| (parent.process.pid, parent))
                .collect(),
            None => HashMap::new(),
        };
        list.order = (0..zombies.len())
            .filter(|&i| {
                filter.is_none_or(|filter| filter.matches(&zombie_row(&zombies[i], &by_pid)))
            })
            .collect();
        list.order.sort_by(|&a, &b| {
            let (a, b) = (&zombies[a], &zombies[b]);
            let first = list.sort.order_zombies(a, b);
            (if list.reverse { first.reverse() } else { first })
                .then_with(|| Column::Age.order_zombies(a, b))
                .then_with(|| Column::Pid.order_zombies(a, b))
        });
        settle(list, |i| Identity::of_zombie(&zombies[i]));
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

    /// The selected process of the shown table.
    pub fn selected(&self) -> Option<Identity> {
        self.identity(self.list().at)
    }

    fn identity(&self, at: usize) -> Option<Identity> {
        let &i = self.list().order.get(at)?;
        Some(match self.view {
            TopView::Culprits => Identity::of(&self.top().parents[i].process),
            TopView::Zombies => Identity::of_zombie(&self.top().zombies[i]),
        })
    }

    /// Rows of the frame in the shown table, filtered or not.
    pub fn unfiltered(&self, view: TopView) -> usize {
        match view {
            TopView::Culprits => self.top().parents.len(),
            TopView::Zombies => self.top().zombies.len(),
        }
    }

    /// Name and PID of the row at a place of the shown table, for the search.
    pub fn words(&self, at: usize) -> (u32, &str) {
        let i = self.list().order[at];
        match self.view {
            TopView::Culprits => {
                let process = &self.top().parents[i].process;
                (process.pid, &process.comm)
            }
            TopView::Zombies => {
                let zombie = &self.top().zombies[i];
                (zombie.pid, &zombie.comm)
            }
        }
    }
}

/// Finds the selected process in the new order; if it has gone, the place stays.
fn settle(list: &mut List, identity: impl Fn(usize) -> Identity) {
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

fn culprit_row(parent: &Parent) -> Row<'_> {
    Row {
        pid: parent.process.pid,
        comm: &parent.process.comm,
        parent: Some((parent.process.pid, &parent.process.comm)),
        zombies: Some(parent.zombies),
        age: parent.oldest_seconds,
        leak: Some(parent.leaked_per_second),
        reaps: Some(parent.reaped_per_second),
    }
}

/// A zombie has its parent's counts: `leak>1` then shows the zombies of who leaks.
fn zombie_row<'a>(zombie: &'a Zombie, by_pid: &HashMap<u32, &'a Parent>) -> Row<'a> {
    let parent = zombie
        .parent
        .as_ref()
        .and_then(|parent| by_pid.get(&parent.pid));
    Row {
        pid: zombie.pid,
        comm: &zombie.comm,
        parent: zombie
            .parent
            .as_ref()
            .map(|parent| (parent.pid, parent.comm.as_str())),
        zombies: parent.map(|parent| parent.zombies),
        age: Some(zombie.zombie_seconds),
        leak: parent.map(|parent| parent.leaked_per_second),
        reaps: parent.map(|parent| parent.reaped_per_second),
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
