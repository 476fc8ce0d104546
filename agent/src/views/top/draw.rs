//! Draws the model. Colour only repeats what words or symbols show.

use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::views::Look;
use crate::views::column::{self, Side, cut, fit, fitted};
use crate::views::text::{columns as breadth, count, wrap};

use super::frame::Frame;
use super::model::{Input, List, Model, Overlay, Purpose};
use super::style::{self, bold, colored};
use super::{header, overlay};

/// The keys that matter most; a narrow screen drops the last.
const KEYS: [&str; 8] = [
    "? help",
    "q quit",
    "Enter details",
    "/ search",
    "f filter",
    "s sort",
    "i idle",
    "Space pause",
];
const PLAYER_KEYS: [&str; 8] = [
    "? help",
    "q quit",
    "Space play/pause",
    "Left Right 10s",
    "[ ] speed",
    "@ go to",
    "Enter details",
    "f filter",
];
/// Narrower screens show less of what is not shown.
const NARROW: usize = 60;
const OVERLAY_KEYS: [&str; 3] = ["Esc back", "j k scroll", "Ctrl-C quit"];
const SORT_KEYS: [&str; 4] = ["Enter sort", "Esc back", "j k move", "Ctrl-C quit"];

/// A narrow screen drops columns of this rank, and above, before the one that sorts the rows.
const SORTED_RANK: u8 = 5;

/// Draws everything, and stores in the model how many rows fit.
pub fn draw<F: Frame>(frame: &mut ratatui::Frame, model: &mut Model<F>) {
    let area = frame.area();
    let width = usize::from(area.width);
    let head = header::lines(model, width);
    let mut foot = notices(model, width);
    let is_free = foot.is_empty();
    // On a low screen, rows come first, then the header's first lines, then the footer.
    let foot_height = if area.height >= 4 || model.typing() {
        (foot.len().max(1) as u16).min(area.height)
    } else {
        0
    };
    let head_height = (head.len() as u16).min(area.height.saturating_sub(foot_height + 3));
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(head_height),
        Constraint::Fill(1),
        Constraint::Length(foot_height),
    ])
    .areas(area);
    put(frame, top, head, model.look);
    let (lines, shift) = match model.overlay.clone() {
        None => (table(model, middle), 0),
        Some(overlay) => over(model, &overlay, middle),
    };
    put(frame, middle, lines.into_iter().skip(shift), model.look);
    if is_free {
        // Last, since it says which lines are above.
        foot.push(hints(model, width));
    }
    put(frame, bottom, foot, model.look);
    cursor(frame, model, bottom);
}

/// Puts lines into an area, as many as fit, each with a mark where something of it is missing.
fn put(
    frame: &mut ratatui::Frame,
    area: Rect,
    lines: impl IntoIterator<Item = Line<'static>>,
    look: Look,
) {
    for (row, line) in area.rows().zip(lines) {
        frame.render_widget(fitted_line(line, usize::from(row.width), look), row);
    }
}

fn fitted_line(line: Line<'static>, width: usize, look: Look) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    let mut room = width;
    let mut spans = Vec::new();
    for span in line.spans {
        let wide = span.width();
        if wide < room || wide == room && spans.is_empty() {
            room -= wide;
            spans.push(span);
        } else {
            // One more than fits, so that the mark stays even if this part would fit.
            let long = format!("{}  ", span.content);
            let text = cut(&long, room, Side::Right, look);
            spans.push(Span::styled(text, span.style));
            break;
        }
    }
    Line::from(spans).style(line.style)
}

/// The columns that fit, with their widths.
fn columns<F: Frame>(model: &Model<F>, room: usize) -> Vec<(usize, usize)> {
    let layouts = model.view().layouts();
    let List {
        used, needs, sort, ..
    } = model.list();
    let sorted = column::Layout {
        rank: layouts[*sort].rank.min(SORTED_RANK),
        ..*layouts[*sort]
    };
    let shown = used.iter().map(|column| match column {
        column if column == sort => &sorted,
        &column => layouts[column],
    });
    let shown: Vec<_> = shown.collect();
    let needs: Vec<_> = used.iter().map(|&column| needs[column]).collect();
    let fitting = fit(&shown, &needs, room).into_iter();
    fitting.map(|(n, width)| (used[n], width)).collect()
}

fn table<F: Frame>(model: &mut Model<F>, area: Rect) -> Vec<Line<'static>> {
    let page = usize::from(area.height.saturating_sub(1));
    model.page = page;
    let list = model.list_mut();
    // The selected row stays visible.
    list.offset = list.offset.min(list.at);
    list.offset = list.offset.max((list.at + 1).saturating_sub(page));
    list.offset = list.offset.min(list.order.len().saturating_sub(page));
    let room = usize::from(area.width).saturating_sub(1);
    let columns = columns(model, room);
    let list = model.list();
    let mut lines = vec![heads(model, &columns)];
    for (at, &row) in list.order.iter().enumerate().skip(list.offset).take(page) {
        lines.push(cells(model, &columns, row, at == list.at));
    }
    if list.order.is_empty() {
        let words = wrap(&model.empty_words(), room);
        lines.extend(
            words
                .into_iter()
                .map(|words| Line::raw(format!(" {words}"))),
        );
    }
    lines
}

fn heads<F: Frame>(model: &Model<F>, columns: &[(usize, usize)]) -> Line<'static> {
    let (list, layouts) = (model.list(), model.view().layouts());
    let mut spans = vec![Span::raw(" ")];
    for (n, &(column, width)) in columns.iter().enumerate() {
        let layout = layouts[column];
        let mut head = layout.head.to_owned();
        let mut style = colored(model.look, Color::Cyan).patch(bold());
        if column == list.sort {
            head.push_str(match (list.reverse, model.look.ascii) {
                (false, false) => "▼",
                (true, false) => "▲",
                (false, true) => "*",
                (true, true) => "^",
            });
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        let layout = column::Layout {
            cut: Side::Right,
            ..*layout
        };
        let head = fitted(&head, width, &layout, model.look);
        let (blanks, words) = head.split_at(head.len() - head.trim_start().len());
        let (words, after) = words.split_at(words.trim_end().len());
        let gap = if n > 0 { "  " } else { "" };
        spans.push(Span::raw(format!("{gap}{blanks}")));
        spans.push(Span::styled(words.to_owned(), style));
        spans.push(Span::raw(after.to_owned()));
    }
    Line::from(spans)
}

fn cells<F: Frame>(
    model: &Model<F>,
    columns: &[(usize, usize)],
    row: usize,
    selected: bool,
) -> Line<'static> {
    let (look, view, layouts) = (model.look, model.view(), model.view().layouts());
    let mut spans = vec![Span::raw(if selected { ">" } else { " " })];
    for (n, &(column, width)) in columns.iter().enumerate() {
        if n > 0 {
            spans.push(Span::raw("  "));
        }
        let text = view.cell(&model.frame, column, row, look);
        let text = fitted(&text, width, layouts[column], look);
        let tone = view.tone(&model.frame, column, row);
        spans.push(Span::styled(text, style::of(tone, look)));
    }
    let style = if selected {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new()
    };
    Line::from(spans).style(style)
}

/// The lines of an overlay, and how many of them are above the screen.
fn over<F: Frame>(
    model: &mut Model<F>,
    overlay: &Overlay,
    area: Rect,
) -> (Vec<Line<'static>>, usize) {
    let lines = overlay::lines(model, overlay, usize::from(area.width));
    let page = usize::from(area.height);
    model.page = page;
    if let Overlay::Sort(at) = overlay {
        return (lines, (at + 2).saturating_sub(page));
    }
    model.lines = lines.len();
    model.scroll = model.scroll.min(lines.len().saturating_sub(page));
    (lines, model.scroll)
}

/// What stands in the footer instead of the keys: a message, the input line.
fn notices<F: Frame>(model: &Model<F>, width: usize) -> Vec<Line<'static>> {
    let message = model.message.iter().flat_map(|message| {
        let words = wrap(&model.look.clean(message), width);
        words.into_iter().map(|words| Line::styled(words, bold()))
    });
    let input = model.input.iter().flat_map(|input| {
        let typed = model.look.clean(&input.text);
        let typed = Line::raw(format!("{}{typed}", prompt(input.purpose)));
        [typed].into_iter().chain(caret(input))
    });
    message.chain(input).collect()
}

/// Below the input line, where it is wrong.
fn caret(input: &Input) -> Option<Line<'static>> {
    let wrong = input.wrong.clone()?;
    let width = |range| input.text.get(range).map_or(0, breadth);
    let before = prompt(input.purpose).len() + width(0..wrong.start);
    let marks = "^".repeat(width(wrong).max(1));
    Some(Line::styled(
        format!("{}{marks}", " ".repeat(before)),
        bold(),
    ))
}

/// The keys that matter most, and which rows are visible.
fn hints<F: Frame>(model: &Model<F>, width: usize) -> Line<'static> {
    let (keys, position): (&[&str], _) = match model.overlay {
        None if model.player.is_some() => (&PLAYER_KEYS, position(model, width)),
        None => (&KEYS, position(model, width)),
        Some(Overlay::Sort(_)) => (&SORT_KEYS, String::new()),
        Some(_) => (&OVERLAY_KEYS, place(model)),
    };
    let mut text = String::new();
    for key in keys {
        let gap = if text.is_empty() { "" } else { "  " };
        if text.len() + gap.len() + key.len() + position.len() + 2 > width {
            break;
        }
        text.extend([gap, key]);
    }
    let room = width.saturating_sub(text.len() + position.len());
    let faint = Style::new().add_modifier(Modifier::DIM);
    Line::from(vec![
        Span::styled(text, faint),
        Span::raw(format!("{}{position}", " ".repeat(room))),
    ])
}

/// `row 3 of 12, 96 idle hidden, 4 filtered out, 50 not shown`; on a narrow screen only the first
/// part.
fn position<F: Frame>(model: &Model<F>, width: usize) -> String {
    let list = model.list();
    let rows = list.order.len();
    let at = match rows {
        0 => count(0, "row"),
        _ => format!("row {} of {rows}", list.at + 1),
    };
    if width < NARROW {
        return at;
    }
    let missing = model.view().missing(&model.frame);
    let hidden = [
        (list.idle as u64, "idle hidden"),
        (list.filtered as u64 + missing.filtered, "filtered out"),
        (missing.cut, "not shown"),
    ];
    let hidden = hidden.into_iter().filter(|(number, _)| *number > 0);
    hidden.fold(at, |text, (number, why)| format!("{text}, {number} {why}"))
}

/// `lines 1 to 20 of 52` of an overlay that has more lines than the screen.
fn place<F: Frame>(model: &Model<F>) -> String {
    let (first, last) = (model.scroll + 1, model.scroll + model.page);
    if model.lines <= model.page {
        return String::new();
    }
    format!(
        "lines {first} to {} of {}",
        last.min(model.lines),
        model.lines
    )
}

fn prompt(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Search => "search: ",
        Purpose::Filter => "filter: ",
        Purpose::Moment => "go to: ",
    }
}

fn cursor<F: Frame>(frame: &mut ratatui::Frame, model: &Model<F>, footer: Rect) {
    let Some(input) = &model.input else { return };
    let below = usize::from(input.wrong.is_some());
    if let Some(last) = footer.rows().rev().nth(below) {
        let typed = Span::raw(model.look.clean(&input.text)).width() as u16;
        let x = (prompt(input.purpose).len() as u16).saturating_add(typed);
        frame.set_cursor_position(Position::new(
            last.x + x.min(last.width.saturating_sub(1)),
            last.y,
        ));
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
