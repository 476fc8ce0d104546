//! Aligned columns of plain text, and CSV.

use super::Look;
use super::column::{Column, Shown, Side, Tone, fit, fitted};
use super::text::columns as breadth;

/// All rows as text, in their order. Columns that are as wide as their widest cell.
pub fn text<'a, R: 'a>(
    columns: &[Column<R>],
    rows: impl Iterator<Item = &'a R>,
    wide: bool,
    look: Look,
) -> String {
    let mut table = Rows::new(columns, wide, look);
    rows.for_each(|row| table.add(row));
    table.text()
}

/// Rows that are kept only as the text of their cells, since there may be many.
pub struct Rows<'c, R: 'static> {
    columns: Vec<&'c Column<R>>,
    look: Look,
    /// All cells, row by row, and where each ends.
    cells: String,
    ends: Vec<(u32, Tone)>,
    widths: Vec<usize>,
    used: Vec<bool>,
}

impl<'c, R> Rows<'c, R> {
    /// None yet. With `wide`, columns that are only shown then have cells too.
    pub fn new(columns: &'c [Column<R>], wide: bool, look: Look) -> Self {
        let columns = columns.iter();
        let columns: Vec<_> = columns
            .filter(|column| wide || column.layout.shown != Shown::Wide)
            .collect();
        let heads = columns.iter().map(|column| breadth(column.layout.head));
        let used = columns.iter();
        Self {
            widths: heads.collect(),
            used: used
                .map(|column| column.layout.shown != Shown::IfUsed)
                .collect(),
            columns,
            look,
            cells: String::new(),
            ends: Vec::new(),
        }
    }

    /// Adds one.
    pub fn add(&mut self, row: &R) {
        for (n, column) in self.columns.iter().enumerate() {
            let cell = column.cell(row, self.look);
            self.widths[n] = self.widths[n].max(breadth(&cell));
            self.used[n] = self.used[n] || column.is_used_by(row);
            self.cells += &cell;
            self.ends
                .push((self.cells.len() as u32, column.tone_of(row)));
        }
    }

    /// All of them, below their headings.
    pub fn text(&self) -> String {
        let shown: Vec<_> = (0..self.columns.len()).filter(|&n| self.used[n]).collect();
        let sides: Vec<_> = shown.iter().map(|&n| self.columns[n].layout.side).collect();
        let widths: Vec<_> = shown.iter().map(|&n| self.widths[n]).collect();
        let line = |cells: &[(&str, Tone)]| {
            let cells = shown.iter().map(|&n| cells[n]);
            line(cells, &sides, &widths, self.look)
        };
        let heads = self.columns.iter();
        let heads: Vec<_> = heads
            .map(|column| (column.layout.head, Tone::Plain))
            .collect();
        let mut text = head(&line(&heads), self.look);
        let mut begin = 0;
        for ends in self.ends.chunks(self.columns.len()) {
            let cells = ends.iter().map(|&(end, tone)| {
                let cell = begin..end as usize;
                begin = cell.end;
                (&self.cells[cell], tone)
            });
            let cells: Vec<_> = cells.collect();
            text += &line(&cells);
            text.push('\n');
        }
        text
    }
}

/// Lines of columns whose widths do not depend on the rows to come.
pub struct Lines<R: 'static> {
    columns: Vec<(&'static Column<R>, usize)>,
    /// Whether longer cells are cut.
    cuts: bool,
    look: Look,
}

impl<R> Lines<R> {
    /// The columns that fit into this width, given the widths of their longest texts.
    pub fn fitting(
        columns: &'static [Column<R>],
        needs: &[usize],
        room: usize,
        look: Look,
    ) -> Self {
        let layouts: Vec<_> = columns.iter().map(|it| &it.layout).collect();
        let fitting = fit(&layouts, needs, room).into_iter();
        Self {
            columns: fitting.map(|(n, width)| (&columns[n], width)).collect(),
            cuts: true,
            look,
        }
    }

    /// All columns, with whole cells, even if that moves what follows.
    pub fn whole(columns: &'static [Column<R>], look: Look) -> Self {
        let columns = columns.iter();
        Self {
            columns: columns.map(|it| (it, it.layout.width[0])).collect(),
            cuts: false,
            look,
        }
    }

    /// The heading line.
    pub fn head(&self) -> String {
        let plain = Look {
            color: false,
            ..self.look
        };
        let words = |column: &Column<R>| (column.layout.head.to_owned(), Tone::Plain);
        head(&self.line(words, plain), self.look)
    }

    /// A row.
    pub fn of(&self, row: &R) -> String {
        let cell = |column: &Column<R>| (column.cell(row, self.look), column.tone_of(row));
        self.line(cell, self.look) + "\n"
    }

    fn line(&self, cell: impl Fn(&Column<R>) -> (String, Tone), look: Look) -> String {
        let cells = self.columns.iter().map(|(column, width)| {
            let (text, tone) = cell(column);
            let text = if self.cuts {
                fitted(&text, *width, &column.layout, look)
                    .trim()
                    .to_owned()
            } else {
                text
            };
            (text, tone)
        });
        let cells: Vec<_> = cells.collect();
        let sides: Vec<_> = self.columns.iter().map(|it| it.0.layout.side).collect();
        let widths: Vec<_> = self.columns.iter().map(|it| it.1).collect();
        let cells = cells.iter().map(|(cell, tone)| (cell.as_str(), *tone));
        line(cells, &sides, &widths, look)
    }
}

/// All rows as CSV (RFC 4180), with all columns.
pub fn csv<'a, R: 'a>(columns: &[Column<R>], rows: impl Iterator<Item = &'a R>) -> String {
    let head = csv_head(columns);
    [head]
        .into_iter()
        .chain(rows.map(|row| csv_row(columns, row)))
        .collect()
}

/// The heading of CSV.
pub fn csv_head<R>(columns: &[Column<R>]) -> String {
    let heads: Vec<_> = columns.iter().map(Column::csv_head).collect();
    heads.join(",") + "\n"
}

/// One row of CSV.
pub fn csv_row<R>(columns: &[Column<R>], row: &R) -> String {
    let cells: Vec<_> = columns.iter().map(|column| column.csv(row)).collect();
    cells.join(",") + "\n"
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
fn line<'a>(
    cells: impl Iterator<Item = (&'a str, Tone)>,
    sides: &[Side],
    widths: &[usize],
    look: Look,
) -> String {
    let mut text = String::new();
    let mut gap = 0;
    for (((cell, tone), side), &width) in cells.zip(sides).zip(widths) {
        let blanks = width.saturating_sub(breadth(cell));
        let (before, after) = match side {
            Side::Left => (0, blanks),
            Side::Right => (blanks, 0),
        };
        if cell.is_empty() {
            gap += before;
        } else {
            text += &" ".repeat(gap + before);
            text += &look.painted(cell, tone);
            gap = 0;
        }
        gap += after + 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look::PLAIN;

    fn table(rows: &[[&'static str; 3]]) -> String {
        type Col = Column<[&'static str; 3]>;
        let columns = [
            Col::pid(|it| it[0].parse().unwrap_or_default()),
            Col::text("AGE", "", |it, _| Some(it[1].to_owned())),
            Col::text("COMM", "", |it, _| Some(it[2].to_owned())).shown(Shown::IfUsed),
            Col::text("WHY", "", |_, _| None).shown(Shown::IfUsed),
            Col::text("TO DO", "", |_, _| Some("wait".to_owned())).shown(Shown::Wide),
        ];
        text(&columns, rows.iter(), false, LOOK)
    }

    #[test]
    fn columns_align_on_the_screen() {
        let text = table(&[["7", "≥3.4s", "sh"], ["12345", "日本", "java"]]);
        let lines = "  PID  AGE    COMM\n    7  ≥3.4s  sh\n12345  日本   java\n";
        assert_eq!(text, lines);
    }

    #[test]
    fn colour_does_not_move_columns() {
        let bad = [("a", Tone::Bad), ("b", Tone::Plain)];
        let (sides, widths) = ([Side::Left, Side::Right], [3, 3]);
        let plain = line(bad.into_iter(), &sides, &widths, LOOK);
        let look = Look {
            color: true,
            ..LOOK
        };
        let colored = line(bad.into_iter(), &sides, &widths, look);
        assert_eq!(plain, "a      b");
        assert_eq!(
            colored.replace("\x1b[31m", "").replace("\x1b[0m", ""),
            plain
        );
    }
}
