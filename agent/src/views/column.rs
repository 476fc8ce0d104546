//! A column: what it shows of a row, how rows are sorted by it, and how it looks.

use std::cmp::Ordering;

use api::{Bound, Seconds, Verdict};

use super::Look;
pub use super::look::Tone;
use super::text::{columns as breadth, most_columns};

/// Alignment of a column, or an end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// For words.
    Left,
    /// For numbers and durations.
    Right,
}

/// When a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Always.
    Always,
    /// If any row has a value.
    IfUsed,
    /// With `-o wide`, and on a wide screen.
    Wide,
}

/// Width of the mark behind the heading of the sort column.
const SORTED: usize = 1;

/// How a column looks, whatever its rows are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Its heading.
    pub head: &'static str,
    /// What it means, in a few words.
    pub what: &'static str,
    /// Alignment of its cells.
    pub side: Side,
    /// On a screen: its minimum and maximum width.
    pub width: [usize; 2],
    /// On a narrow screen, columns with a high rank are dropped first.
    pub rank: u8,
    /// Its text is shown whole where there is room, if need be instead of columns of a higher rank.
    pub whole: bool,
    /// The end at which a long text is cut.
    pub cut: Side,
    /// When it is shown.
    pub shown: Shown,
}

/// What a column takes from a row. The text of the cell, the order of rows and the value in CSV
/// follow from it.
enum Read<R> {
    Text(fn(&R, Look) -> Option<String>),
    Pid(fn(&R) -> u32),
    Count(fn(&R) -> Option<u64>),
    Number(fn(&R) -> Option<f64>, fn(f64) -> String),
    Span(fn(&R) -> Option<(Seconds, Bound)>),
    Verdict(fn(&R) -> Option<&Verdict>),
}

/// A column of rows of one type.
pub struct Column<R: 'static> {
    /// How it looks.
    pub layout: Layout,
    read: Read<R>,
    tone: fn(&R) -> Tone,
}

// Derived, these would need the same of the rows.
impl<R> Clone for Read<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Read<R> {}

impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

/// The value by which rows are sorted.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Numbers of processes: ascending.
    Pid(u32),
    /// Largest first.
    Number(f64),
    /// In alphabetical order.
    Text(String),
    /// After all others, whatever the order.
    Unknown,
}

impl Key {
    /// The order of two rows: worst first, or the reverse; unknown values come last either way.
    pub fn order(&self, other: &Self, reverse: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Unknown, Self::Unknown) => return Ordering::Equal,
            (Self::Unknown, _) => return Ordering::Greater,
            (_, Self::Unknown) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => b.total_cmp(a),
            (Self::Pid(a), Self::Pid(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        if reverse { order.reverse() } else { order }
    }
}

impl<R> Column<R> {
    const fn new(
        head: &'static str,
        what: &'static str,
        side: Side,
        width: [usize; 2],
        read: Read<R>,
    ) -> Self {
        Self {
            layout: Layout {
                head,
                what,
                side,
                width,
                rank: 0,
                whole: false,
                cut: Side::Right,
                shown: Shown::Always,
            },
            read,
            tone: |_| Tone::Plain,
        }
    }

    /// Words; `None` if unknown.
    pub const fn text(
        head: &'static str,
        what: &'static str,
        read: fn(&R, Look) -> Option<String>,
    ) -> Self {
        Self::new(head, what, Side::Left, [10, 20], Read::Text(read))
    }

    /// The number of a process.
    pub const fn pid(read: fn(&R) -> u32) -> Self {
        Self::new("PID", "process id", Side::Right, [7, 7], Read::Pid(read))
    }

    /// How many.
    pub const fn count(
        head: &'static str,
        what: &'static str,
        read: fn(&R) -> Option<u64>,
    ) -> Self {
        Self::new(head, what, Side::Right, [8, 8], Read::Count(read))
    }

    /// Another number, and how it is printed.
    pub const fn number(
        head: &'static str,
        what: &'static str,
        read: fn(&R) -> Option<f64>,
        print: fn(f64) -> String,
    ) -> Self {
        Self::new(head, what, Side::Right, [7, 7], Read::Number(read, print))
    }

    /// A duration, which may be a bound.
    pub const fn span(
        head: &'static str,
        what: &'static str,
        read: fn(&R) -> Option<(Seconds, Bound)>,
    ) -> Self {
        Self::new(head, what, Side::Right, [8, 9], Read::Span(read))
    }

    /// The name of a verdict, with a mark if it is a guess. In CSV its confidence has a column.
    pub const fn verdict(what: &'static str, read: fn(&R) -> Option<&Verdict>) -> Self {
        Self::new("WHY", what, Side::Left, [10, 20], Read::Verdict(read))
    }

    /// Its minimum and maximum width on a screen.
    pub const fn width(mut self, least: usize, most: usize) -> Self {
        self.layout.width = [least, most];
        self
    }

    /// From which rank on it is dropped.
    pub const fn rank(mut self, rank: u8) -> Self {
        self.layout.rank = rank;
        self
    }

    /// Shows its text whole before columns of a higher rank.
    pub const fn whole(mut self) -> Self {
        self.layout.whole = true;
        self
    }

    /// Cuts long text at its front.
    pub const fn cut_front(mut self) -> Self {
        self.layout.cut = Side::Left;
        self
    }

    /// When it is shown.
    pub const fn shown(mut self, shown: Shown) -> Self {
        self.layout.shown = shown;
        self
    }

    /// How much attention its cells need.
    pub const fn tone(mut self, tone: fn(&R) -> Tone) -> Self {
        self.tone = tone;
        self
    }

    /// How much attention a cell needs.
    pub fn tone_of(&self, row: &R) -> Tone {
        (self.tone)(row)
    }

    /// The text of a cell.
    pub fn cell(&self, row: &R, look: Look) -> String {
        let text = match self.read {
            Read::Text(read) => read(row, look),
            Read::Pid(read) => Some(read(row).to_string()),
            Read::Count(read) => read(row).map(|count| count.to_string()),
            Read::Number(read, print) => read(row).map(print),
            Read::Span(read) => read(row).map(|(span, bound)| look.bounded(span, bound)),
            Read::Verdict(read) => read(row).map(|verdict| look.why(verdict)),
        };
        text.unwrap_or_else(|| look.nothing().to_owned())
    }

    /// Whether a row has a value.
    pub fn is_used_by(&self, row: &R) -> bool {
        self.key(row) != Key::Unknown
    }

    /// The value by which a row is sorted.
    pub fn key(&self, row: &R) -> Key {
        let number = |number: Option<f64>| number.map(Key::Number);
        let key = match self.read {
            Read::Text(read) => read(row, Look::PLAIN).map(Key::Text),
            Read::Pid(read) => Some(Key::Pid(read(row))),
            Read::Count(read) => number(read(row).map(|count| count as f64)),
            Read::Number(read, _) => number(read(row)),
            Read::Span(read) => number(read(row).map(|(span, _)| span.0)),
            Read::Verdict(read) => {
                read(row).map(|verdict| Key::Text(Look::PLAIN.clean(&verdict.id.0)))
            }
        };
        key.unwrap_or(Key::Unknown)
    }

    /// Its name in CSV: durations are in seconds.
    pub fn csv_head(&self) -> String {
        let name = self.layout.head.to_lowercase();
        let name = name.replace("/s", "_per_second").replace("/h", "_per_hour");
        let name = name.replace([' ', '-'], "_").replace(['(', ')'], "");
        match self.read {
            Read::Span(_) => name + "_seconds",
            Read::Verdict(_) => name + ",confidence",
            _ => name,
        }
    }

    /// A cell in CSV: numbers as they are, empty if unknown.
    pub fn csv(&self, row: &R) -> String {
        let value = match self.key(row) {
            Key::Pid(pid) => pid.to_string(),
            Key::Number(number) => number.to_string(),
            Key::Text(text) => quoted(text),
            Key::Unknown => String::new(),
        };
        match self.read {
            Read::Verdict(read) => {
                let confidence = read(row).map(|it| Look::PLAIN.clean(it.confidence.as_str()));
                value + "," + &quoted(confidence.unwrap_or_default())
            }
            _ => value,
        }
    }
}

/// A text as a value of CSV.
fn quoted(text: String) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The columns that fit into `room` characters, separated by two blanks, with their widths. Those
/// of high rank are dropped; the others keep their order. `needs` is the width of their longest
/// texts: a column of words gets no more than that.
pub fn fit(layouts: &[&Layout], needs: &[usize], room: usize) -> Vec<(usize, usize)> {
    const GAP: usize = 2;
    // A pod of a deployment with its namespace and container: shop/web-7f9c6d5b4-x2x4z/app.
    const USUAL: usize = 34;
    let mut by_rank: Vec<usize> = (0..layouts.len()).collect();
    by_rank.sort_by_key(|&column| layouts[column].rank);
    let range = |column: usize| {
        let Layout {
            head, side, width, ..
        } = layouts[column];
        let [least, most] = *width;
        match side {
            // Numbers change with each frame, and should not move the columns.
            Side::Right => [least, most],
            Side::Left => {
                let need = needs[column].max(breadth(head) + SORTED);
                [least.min(need), most.min(need)]
            }
        }
    };
    let mut spare = room;
    let mut widths = vec![0; layouts.len()];
    let grow = |width: &mut usize, spare: &mut usize, most: usize| {
        if *width > 0 {
            let more = most.saturating_sub(*width).min(*spare);
            *width += more;
            *spare -= more;
        }
    };
    // One that is shown whole ends a group: it grows before others are added, and then those before
    // it do, but not more than most names need.
    for group in by_rank.split_inclusive(|&column| layouts[column].whole) {
        for &column in group {
            let [least, _] = range(column);
            // The first always stays, truncated if necessary.
            let is_first = column == by_rank[0];
            let gap = if is_first { 0 } else { GAP };
            if is_first || gap + least <= spare {
                widths[column] = least;
                spare = spare.saturating_sub(gap + least);
            }
        }
        let whole = group.iter().filter(|&&column| layouts[column].whole);
        for &column in whole {
            grow(&mut widths[column], &mut spare, range(column)[1]);
        }
        for &column in &by_rank {
            grow(&mut widths[column], &mut spare, range(column)[1].min(USUAL));
        }
    }
    for &column in &by_rank {
        grow(&mut widths[column], &mut spare, range(column)[1]);
    }
    let fitting = widths.into_iter().enumerate();
    fitting.filter(|(_, width)| *width > 0).collect()
}

/// A text cut or padded to a width on the screen.
pub fn fitted(text: &str, width: usize, layout: &Layout, look: Look) -> String {
    let shown = cut(text, width, layout.cut, look);
    let blanks = " ".repeat(width.saturating_sub(breadth(&shown)));
    match layout.side {
        Side::Left => shown + &blanks,
        Side::Right => blanks + &shown,
    }
}

/// A text cut to a width on the screen, with a mark where something is missing.
pub fn cut(text: &str, width: usize, at: Side, look: Look) -> String {
    if breadth(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mark = if look.ascii { "~" } else { "…" };
    let mut room = width - 1;
    let fits = |&c: &char| {
        let rest = room.checked_sub(most_columns(c));
        room = rest.unwrap_or_default();
        rest.is_some()
    };
    let bytes = char::len_utf8;
    match at {
        Side::Left => {
            let kept: usize = text.chars().rev().take_while(fits).map(bytes).sum();
            // An accent whose letter did not fit would be drawn over the mark.
            let kept = text[text.len() - kept..].trim_start_matches(|c| most_columns(c) == 0);
            format!("{mark}{kept}")
        }
        Side::Right => {
            let kept: usize = text.chars().take_while(fits).map(bytes).sum();
            format!("{}{mark}", &text[..kept])
        }
    }
}

#[cfg(test)]
mod tests {
    use api::Confidence;

    use super::*;

    const LOOK: Look = Look::PLAIN;

    #[test]
    fn unknown_values_come_last_in_either_order() {
        for reverse in [false, true] {
            for known in [Key::Number(1.0), Key::Pid(1), Key::Text("a".into())] {
                assert_eq!(Key::Unknown.order(&known, reverse), Ordering::Greater);
                assert_eq!(known.order(&Key::Unknown, reverse), Ordering::Less);
            }
        }
        let order = Key::Number(2.0).order(&Key::Number(1.0), false);
        assert_eq!(order, Ordering::Less, "the largest first");
    }

    #[test]
    fn a_long_name_takes_no_room_from_other_columns() {
        let name = Column::<u32>::text("WORKLOAD", "", |_, _| None).width(20, 60);
        let count = Column::<u32>::count("ZOMBIES", "", |_| None).rank(1);
        let why = Column::<u32>::text("WHY", "", |_, _| None).width(15, 26);
        let why = why.whole().rank(2);
        let rate = Column::<u32>::count("CULPRITS", "", |_| None).rank(3);
        let all = [&name, &count, &why, &rate].map(|it| &it.layout);
        let widths = |room| fit(&all, &[55, 0, 20, 0], room);
        assert_eq!(widths(80), [(0, 38), (1, 8), (2, 20), (3, 8)]);
        assert_eq!(widths(52), [(0, 20), (1, 8), (2, 20)]);
        assert_eq!(widths(47), [(0, 20), (1, 8), (2, 15)], "WHY stays");
    }

    #[test]
    fn text_is_cut_where_the_column_says() {
        assert_eq!(cut("shop/web-0/app", 8, Side::Left, LOOK), "…b-0/app");
        assert_eq!(cut("世界世界", 5, Side::Right, LOOK), "世界…");
        assert_eq!(cut("ab", 0, Side::Right, LOOK), "");
        assert_eq!(
            cut("e\u{301}e\u{301}e\u{301}", 2, Side::Left, LOOK),
            "…e\u{301}"
        );
        assert_eq!(
            cut("☺\u{fe0f}☺\u{fe0f}", 3, Side::Right, LOOK),
            "☺\u{fe0f}…"
        );
        let ascii = Look {
            ascii: true,
            ..LOOK
        };
        assert_eq!(cut("never_waits", 6, Side::Right, ascii), "never~");
    }

    #[test]
    fn csv_has_plain_numbers_and_quotes_text() {
        let pid = Column::<u32>::pid(|it| *it);
        let age = Column::<u32>::span("AGE", "", |it| {
            Some((Seconds(f64::from(*it)), Bound::AtLeast))
        });
        let name = Column::<u32>::text("COMM", "", |_, _| Some("a \"b\", c".to_owned()));
        let none = Column::<u32>::text("WHY", "", |_, _| None);
        assert_eq!((pid.csv_head(), pid.csv(&7)), ("pid".into(), "7".into()));
        assert_eq!(
            (age.csv_head(), age.csv(&7)),
            ("age_seconds".into(), "7".into())
        );
        assert_eq!(name.csv(&7), "\"a \"\"b\"\", c\"");
        assert_eq!(
            (none.csv(&7), none.cell(&7, LOOK)),
            (String::new(), "–".into())
        );
    }

    #[test]
    fn the_confidence_of_a_verdict_has_a_column_of_its_own_in_csv() {
        let guess = Verdict {
            id: "never_waits".into(),
            summary: String::new(),
            evidence: Vec::new(),
            repeats: Vec::new(),
            remedy: String::new(),
            confidence: Confidence::Guess.into(),
        };
        let why = Column::<Option<Verdict>>::verdict("", Option::as_ref);
        assert_eq!(why.csv_head(), "why,confidence");
        assert_eq!(why.csv(&None), ",");
        let guess = Some(guess);
        assert_eq!(why.csv(&guess), "never_waits,guess");
        assert_eq!(why.cell(&guess, LOOK), "never_waits?");
    }
}
