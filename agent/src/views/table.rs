//! Aligned columns of plain text, and CSV.

use super::Look;
use super::column::{Column, Shown, Side, Tone};
use super::text::columns as breadth;

/// All rows as text, in their order. Columns that are as wide as their widest cell.
pub fn text<'a, R: 'a>(
    columns: &[Column<R>],
    rows: impl Iterator<Item = &'a R> + Clone,
    wide: bool,
    look: Look,
) -> String {
    let shown = columns.iter().filter(|column| match column.layout.shown {
        Shown::Always => true,
        Shown::IfUsed => rows.clone().any(|row| column.is_used_by(row)),
        Shown::Wide => wide,
    });
    let shown: Vec<_> = shown.collect();
    let sides: Vec<Side> = shown.iter().map(|column| column.layout.side).collect();
    let heads = shown.iter().map(|column| column.layout.head.to_owned());
    let mut lines = vec![heads.collect::<Vec<_>>()];
    let cells = |row| shown.iter().map(|column| column.cell(row, look)).collect();
    lines.extend(rows.clone().map(cells));
    let width = |column: usize| {
        let cells = lines
            .iter()
            .map(|line: &Vec<String>| breadth(&line[column]));
        cells.max()
    };
    let widths: Vec<usize> = (0..shown.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (n, (cells, row)) in lines
        .iter()
        .zip([None].into_iter().chain(rows.map(Some)))
        .enumerate()
    {
        let tone = |column: usize| row.map_or(Tone::Plain, |row| shown[column].tone_of(row));
        let cells = cells.iter().enumerate();
        let cells = cells.map(|(column, cell)| (cell.as_str(), tone(column)));
        let line = line(cells, &sides, &widths, look);
        if n == 0 {
            text += &head(&line, look);
        } else {
            text.extend([line.as_str(), "\n"]);
        }
    }
    text
}

/// All rows as CSV (RFC 4180), with all columns.
pub fn csv<'a, R: 'a>(columns: &[Column<R>], rows: impl Iterator<Item = &'a R>) -> String {
    let joined = |cells: Vec<String>| cells.join(",") + "\n";
    let heads = columns.iter().map(Column::csv_head).collect();
    let rows = rows.map(|row| columns.iter().map(|column| column.csv(row)).collect());
    [heads].into_iter().chain(rows).map(joined).collect()
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
pub fn line<'a>(
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
