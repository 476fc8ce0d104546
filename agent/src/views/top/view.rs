//! A view: a table of a frame. Each is one `Table` in a file of its own.

use api::{Process, Time};
use model::filter::Filter;

use crate::views::Look;
use crate::views::column::{Column, Key, Layout, Shown, Side, Tone};
use crate::views::table;
use crate::views::text::columns as breadth;

/// Identity of a row across frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A process.
    Process {
        /// Its PID.
        pid: u32,
        /// Its start time.
        start_time: Option<Time>,
    },
    /// Anything else, by its full name.
    Named(String),
}

impl Identity {
    /// Of a process.
    pub fn of(process: &Process) -> Self {
        Self::Process {
            pid: process.pid,
            start_time: process.start_time,
        }
    }

    /// The PID, if it is a process.
    #[cfg(test)]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Process { pid, .. } => Some(*pid),
            Self::Named(_) => None,
        }
    }
}

/// The rows of a view that a frame does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Those that the limit of the frame leaves out.
    pub cut: u64,
    /// Those that did not pass the filter of the agent.
    pub filtered: u64,
}

impl Missing {
    /// Of a frame with so many rows, of those that pass the filter, of all.
    pub fn of(rows: usize, passing: u64, all: u64) -> Self {
        Self {
            cut: passing.saturating_sub(rows as u64),
            filtered: all.saturating_sub(passing),
        }
    }
}

/// A view of frames of type `F`, whatever its rows are. A row is identified by its index.
pub trait View<F>: Sync {
    /// Its title on the screen; in lower case, its name in `--view` and in settings.
    fn title(&self) -> &'static str;
    /// The number in its tab, if known.
    fn count(&self, frame: &F) -> Option<u64>;
    /// How many rows it has.
    fn rows(&self, frame: &F) -> usize;
    /// Which rows the frame does not have.
    fn missing(&self, frame: &F) -> Missing;
    /// Its columns.
    fn layouts(&self) -> Vec<&'static Layout>;
    /// The columns of which any row has a value.
    fn used(&self, frame: &F) -> Vec<usize>;
    /// The width of the longest text in each column, or more than its most.
    fn needs(&self, frame: &F, rows: &[usize], look: Look) -> Vec<usize>;
    /// The column by which rows are sorted at first.
    fn first_sort(&self) -> usize;
    /// Rows sorted by a column; ties are broken in the same way in either order.
    fn sorted(&self, frame: &F, rows: Vec<usize>, column: usize, reverse: bool) -> Vec<usize>;
    /// A cell.
    fn cell(&self, frame: &F, column: usize, row: usize, look: Look) -> String;
    /// How much attention a cell needs.
    fn tone(&self, frame: &F, column: usize, row: usize) -> Tone;
    /// Identity of a row.
    fn identity(&self, frame: &F, row: usize) -> Identity;
    /// Whether a row is hidden unless idle rows are shown.
    fn is_idle(&self, frame: &F, row: usize) -> bool;
    /// Whether a row passes a filter.
    fn passes(&self, frame: &F, row: usize, filter: &Filter) -> bool;
    /// What a search looks at.
    fn label(&self, frame: &F, row: usize) -> String;
    /// What `y` copies.
    fn copied(&self, frame: &F, row: usize) -> String;
    /// Why there are no rows.
    fn empty(&self, frame: &F, look: Look) -> String;
    /// What is known of a row that was selected, as text of a given width. Lines without an indent
    /// are headings.
    fn detail(&self, frame: &F, who: &Identity, look: Look, width: usize) -> String;
    /// Rows as text for a pipe.
    fn text(&self, frame: &F, rows: &[usize], look: Look) -> String;
}

/// A view: where its rows are, and what to show of them.
pub struct Table<F: 'static, R: 'static> {
    /// Its title.
    pub title: &'static str,
    /// Its rows in a frame.
    pub rows: fn(&F) -> &[R],
    /// Which rows the frame does not have.
    pub missing: fn(&F) -> Missing,
    /// Its columns, in the order of the screen.
    pub columns: &'static [Column<R>],
    /// The headings of the columns by which it is sorted at first; each breaks the ties before it.
    pub sorts: &'static [&'static str],
    /// The number in its tab.
    pub count: fn(&F) -> Option<u64>,
    /// Identity of a row.
    pub identity: fn(&R) -> Identity,
    /// What `y` copies.
    pub copied: fn(&R) -> String,
    /// Whether a row is hidden unless idle rows are shown.
    pub is_idle: fn(&R) -> bool,
    /// Whether a row passes a filter.
    pub passes: fn(&F, &R, &Filter) -> bool,
    /// Why there are no rows.
    pub empty: fn(&F, Look) -> String,
    /// What is known of a row; the row itself unless it is gone.
    pub detail: fn(&F, &Identity, Option<&R>, Look, usize) -> String,
}

impl<F, R> Table<F, R> {
    fn place(&self, head: &str) -> usize {
        let place = self.columns.iter().position(|it| it.layout.head == head);
        place.unwrap_or_default()
    }
}

impl<F, R> View<F> for Table<F, R> {
    fn title(&self) -> &'static str {
        self.title
    }

    fn count(&self, frame: &F) -> Option<u64> {
        (self.count)(frame)
    }

    fn rows(&self, frame: &F) -> usize {
        (self.rows)(frame).len()
    }

    fn missing(&self, frame: &F) -> Missing {
        (self.missing)(frame)
    }

    fn layouts(&self) -> Vec<&'static Layout> {
        self.columns.iter().map(|column| &column.layout).collect()
    }

    fn used(&self, frame: &F) -> Vec<usize> {
        let rows = (self.rows)(frame);
        let is_used = |column: &Column<R>| {
            column.layout.shown != Shown::IfUsed || rows.iter().any(|row| column.is_used_by(row))
        };
        let columns = self.columns.iter().enumerate();
        let used = columns.filter(|(_, column)| is_used(column));
        used.map(|(place, _)| place).collect()
    }

    fn needs(&self, frame: &F, rows: &[usize], look: Look) -> Vec<usize> {
        let all = (self.rows)(frame);
        let need = |column: &Column<R>| match column.layout.side {
            // Numbers have the width that they may need.
            Side::Right => column.layout.width[1],
            Side::Left => {
                let most = column.layout.width[1];
                let mut widest = 0;
                for &row in rows {
                    widest = widest.max(breadth(&column.cell(&all[row], look)));
                    if widest >= most {
                        break;
                    }
                }
                widest
            }
        };
        self.columns.iter().map(need).collect()
    }

    fn first_sort(&self) -> usize {
        self.place(self.sorts[0])
    }

    fn sorted(&self, frame: &F, rows: Vec<usize>, column: usize, reverse: bool) -> Vec<usize> {
        let all = (self.rows)(frame);
        let ties = self.sorts.iter().map(|head| self.place(head));
        let columns: Vec<_> = [column].into_iter().chain(ties).collect();
        let keys = |row: usize| -> Vec<Key> {
            let columns = columns.iter().map(|&column| &self.columns[column]);
            columns.map(|column| column.key(&all[row])).collect()
        };
        let mut keyed: Vec<_> = rows.into_iter().map(|row| (keys(row), row)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let first = a[0].order(&b[0], reverse);
            let ties = a[1..].iter().zip(&b[1..]);
            ties.fold(first, |order, (a, b)| order.then_with(|| a.order(b, false)))
        });
        keyed.into_iter().map(|(_, row)| row).collect()
    }

    fn cell(&self, frame: &F, column: usize, row: usize, look: Look) -> String {
        self.columns[column].cell(&(self.rows)(frame)[row], look)
    }

    fn tone(&self, frame: &F, column: usize, row: usize) -> Tone {
        self.columns[column].tone_of(&(self.rows)(frame)[row])
    }

    fn identity(&self, frame: &F, row: usize) -> Identity {
        (self.identity)(&(self.rows)(frame)[row])
    }

    fn is_idle(&self, frame: &F, row: usize) -> bool {
        (self.is_idle)(&(self.rows)(frame)[row])
    }

    fn passes(&self, frame: &F, row: usize, filter: &Filter) -> bool {
        (self.passes)(frame, &(self.rows)(frame)[row], filter)
    }

    fn label(&self, frame: &F, row: usize) -> String {
        let row = &(self.rows)(frame)[row];
        let words = self
            .columns
            .iter()
            .filter_map(|column| match column.key(row) {
                Key::Text(text) => Some(text),
                Key::Pid(pid) => Some(pid.to_string()),
                Key::Number(_) | Key::Unknown => None,
            });
        words.collect::<Vec<_>>().join(" ")
    }

    fn copied(&self, frame: &F, row: usize) -> String {
        (self.copied)(&(self.rows)(frame)[row])
    }

    fn empty(&self, frame: &F, look: Look) -> String {
        (self.empty)(frame, look)
    }

    fn detail(&self, frame: &F, who: &Identity, look: Look, width: usize) -> String {
        let mut rows = (self.rows)(frame).iter();
        let row = rows.find(|row| (self.identity)(row) == *who);
        (self.detail)(frame, who, row, look, width)
    }

    fn text(&self, frame: &F, rows: &[usize], look: Look) -> String {
        let all = (self.rows)(frame);
        table::text(self.columns, rows.iter().map(|&row| &all[row]), false, look)
    }
}
