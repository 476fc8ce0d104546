//! Aligned columns of plain text.

use std::cmp::Ordering;
use std::fmt::Debug;

use super::Look;
use super::text::columns as breadth;

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// For words.
    Left,
    /// For numbers and durations.
    Right,
}

/// How a column looks.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Its heading.
    pub head: &'static str,
    /// Alignment of its cells.
    pub side: Side,
    /// On a screen: its minimum width.
    pub least: usize,
    /// And how much more it may take.
    pub more: usize,
}

impl Layout {
    /// A column of words.
    pub const fn left(head: &'static str, least: usize, more: usize) -> Self {
        let side = Side::Left;
        Self {
            head,
            side,
            least,
            more,
        }
    }

    /// A column of numbers or durations.
    pub const fn right(head: &'static str, least: usize, more: usize) -> Self {
        let side = Side::Right;
        Self {
            head,
            side,
            least,
            more,
        }
    }
}

/// A column of a table.
pub trait TableColumn: Copy + Debug + PartialEq + 'static {
    /// How it looks.
    fn layout(self) -> Layout;
}

/// Rows as text, in the order given.
pub fn text<C: TableColumn>(
    columns: &[C],
    rows: impl IntoIterator<Item = usize>,
    cell: impl Fn(C, usize) -> String,
    look: Look,
) -> String {
    let layouts = columns.iter().map(|column| column.layout());
    let heads: Vec<_> = layouts.map(|it| (it.head, it.side)).collect();
    let mut table = Table::new(&heads);
    for row in rows {
        table.row(columns.iter().map(|&column| cell(column, row)).collect());
    }
    table.render(look)
}

/// A column: its heading, and what it shows of a row.
pub type Shown<R> = (&'static str, Side, fn(&R, Look) -> String);

/// All rows as text, in their order.
pub fn of<R>(rows: &[R], columns: &[Shown<R>], look: Look) -> String {
    let heads: Vec<_> = columns.iter().map(|it| (it.0, it.1)).collect();
    let mut table = Table::new(&heads);
    for row in rows {
        table.row(columns.iter().map(|it| it.2(row, look)).collect());
    }
    table.render(look)
}

/// Order of two values: larger first, unknown last.
pub fn down<T: Copy + PartialOrd>(a: Option<T>, b: Option<T>) -> Ordering {
    // `None` is less than anything.
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// A table whose columns are as wide as their widest cell.
#[derive(Debug)]
struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    fn new(columns: &[(&'static str, Side)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has one cell per column.
    fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The heading and the rows, each with a line end.
    fn render(&self, look: Look) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().map(|row| breadth(&row[i]));
                cells.chain([self.columns[i].0.len()]).max().unwrap_or(0)
            })
            .collect();
        let sides: Vec<Side> = self.columns.iter().map(|column| column.1).collect();
        let heads = self.columns.iter().map(|column| column.0);
        let mut text = head(&line(heads, &sides, &widths), look);
        for row in &self.rows {
            text.push_str(&line(row.iter().map(String::as_str), &sides, &widths));
            text.push('\n');
        }
        text
    }
}

/// The heading line: bold if colour is on, always in capitals.
pub fn head(line: &str, look: Look) -> String {
    if look.color {
        format!("\x1b[1m{line}\x1b[0m\n")
    } else {
        format!("{line}\n")
    }
}

/// One line of cells, separated by two blanks, without trailing blanks.
pub fn line<'a>(cells: impl Iterator<Item = &'a str>, sides: &[Side], widths: &[usize]) -> String {
    let mut text = String::new();
    for ((cell, side), &width) in cells.zip(sides).zip(widths) {
        if !text.is_empty() {
            text.push_str("  ");
        }
        let blanks = " ".repeat(width.saturating_sub(breadth(cell)));
        match side {
            Side::Left => text.extend([cell, &blanks]),
            Side::Right => text.extend([&blanks, cell]),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_sort_last() {
        assert_eq!(down(None, Some(0.0)), Ordering::Greater);
        assert_eq!(down(Some(2.0), Some(1.0)), Ordering::Less);
    }

    #[test]
    fn columns_align_on_the_screen() {
        let mut table = Table::new(&[
            ("PID", Side::Right),
            ("AGE", Side::Right),
            ("COMM", Side::Left),
        ]);
        table.row(vec!["7".into(), "≥3.4s".into(), "sh".into()]);
        table.row(vec!["12345".into(), "850µs".into(), "java".into()]);
        let mut wide = Table::new(&[("COMM", Side::Left), ("AGE", Side::Right)]);
        for comm in ["日本語", "💀", "e\u{301}", "java"] {
            wide.row(vec![comm.into(), "1s".into()]);
        }
        let look = Look {
            color: false,
            ascii: false,
        };
        assert_eq!(
            table.render(look),
            "  PID    AGE  COMM\n    7  ≥3.4s  sh\n12345  850µs  java\n"
        );
        assert_eq!(
            wide.render(look),
            "COMM    AGE\n日本語   1s\n💀       1s\ne\u{301}        1s\njava     1s\n"
        );
    }
}
