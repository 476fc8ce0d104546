//! Draws the model. Colour only repeats what words or symbols show.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::views::table::{Side, TableColumn};
use crate::views::{Look, columns};

use super::color::colored;
use super::frame::TopFrame;
use super::model::{Model, Overlay, Purpose};
use crate::views::text::wrap;

use super::{detail, header};

/// Empty columns are shown from this width on.
const ROOMY: usize = 99;

/// Draws everything, and stores in the model how many rows fit.
pub fn draw<F: TopFrame>(frame: &mut Frame, model: &mut Model<F>) {
    let area = frame.area();
    let head = header::lines(model, usize::from(area.width));
    let foot = footer(model);
    // On a low screen, rows come first, then the header's first lines, then the footer.
    let foot_height = if area.height >= 4 || model.typing() {
        foot.len() as u16
    } else {
        0
    };
    let head_height = (head.len() as u16).min(area.height.saturating_sub(foot_height + 3));
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(head_height),
        Constraint::Fill(1),
        Constraint::Length(foot_height.min(area.height)),
    ])
    .areas(area);
    let width = usize::from(area.width);
    let cut = |lines: Vec<Line<'static>>| -> Vec<_> {
        let look = model.look;
        lines
            .into_iter()
            .map(|line| fitted(line, width, look))
            .collect()
    };
    let (head, foot) = (cut(head), cut(foot));
    frame.render_widget(Paragraph::new(head), top);
    match model.overlay.clone() {
        None => table(frame, model, middle),
        Some(overlay) => over(frame, model, &overlay, middle),
    }
    frame.render_widget(Paragraph::new(foot), bottom);
    cursor(frame, model, bottom);
}

/// Truncates or pads a cell to a width on the screen.
pub fn cell(text: &str, width: usize, side: Side, look: Look) -> String {
    let wide = |text: &str| Span::raw(text.to_owned()).width();
    let mut shown = text.to_owned();
    if wide(&shown) > width {
        let mark = if look.ascii { "~" } else { "…" };
        while !shown.is_empty() && wide(&shown) + 1 > width {
            shown.pop();
        }
        if width > 0 {
            shown.push_str(mark);
        }
    }
    let blanks = " ".repeat(width.saturating_sub(wide(&shown)));
    match side {
        Side::Left => shown + &blanks,
        Side::Right => blanks + &shown,
    }
}

/// A line with a mark where it was truncated.
fn fitted(mut line: Line<'static>, width: usize, look: Look) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    while let Some(last) = line.spans.pop() {
        let room = width.saturating_sub(line.width());
        if room > 0 {
            // With one more blank, so that a line that just fits is marked as well.
            let text = cell(&format!("{} ", last.content), room, Side::Left, look);
            line.spans.push(Span::styled(text, last.style));
            break;
        }
    }
    line
}

fn table<F: TopFrame>(frame: &mut Frame, model: &mut Model<F>, area: Rect) {
    let page = usize::from(area.height.saturating_sub(1));
    model.page = page;
    let list = model.list_mut();
    // Keeps the selected row visible and the screen as full as possible.
    list.offset = list
        .offset
        .min(list.at)
        .max((list.at + 1).saturating_sub(page));
    list.offset = list.offset.min(list.order.len().saturating_sub(page));
    let offset = list.offset;

    let room = usize::from(area.width).saturating_sub(1);
    let mut columns = F::columns(model.view).to_vec();
    if room < ROOMY {
        let idle = model.frame.idle(model.view);
        columns.retain(|column| !idle.contains(column));
    }
    let columns = columns::fit(&columns, room);
    let mut lines = vec![heads(model, &columns)];
    let list = model.list();
    for (at, &i) in list.order.iter().enumerate().skip(offset).take(page) {
        lines.push(row(model, &columns, i, at == list.at));
    }
    if list.order.is_empty() {
        let words = wrap(&model.empty_words(), room);
        lines.extend(
            words
                .into_iter()
                .map(|words| Line::raw(format!(" {words}"))),
        );
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn heads<F: TopFrame>(model: &Model<F>, columns: &[(F::Column, usize)]) -> Line<'static> {
    let list = model.list();
    let mut spans = vec![Span::raw(" ")];
    for (n, &(column, width)) in columns.iter().enumerate() {
        if n > 0 {
            spans.push(Span::raw("  "));
        }
        let mut head = column.layout().head.to_owned();
        let mut style = Style::new().add_modifier(Modifier::BOLD);
        if column == list.sort {
            head.push_str(match (list.reverse, model.look.ascii) {
                (false, false) => "▼",
                (true, false) => "▲",
                (false, true) => "*",
                (true, true) => "^",
            });
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        spans.push(Span::styled(
            cell(&head, width, column.layout().side, model.look),
            style,
        ));
    }
    Line::from(spans)
}

fn row<F: TopFrame>(
    model: &Model<F>,
    columns: &[(F::Column, usize)],
    i: usize,
    selected: bool,
) -> Line<'static> {
    let look = model.look;
    let mut spans = vec![Span::raw(if selected { ">" } else { " " })];
    for (n, &(column, width)) in columns.iter().enumerate() {
        if n > 0 {
            spans.push(Span::raw("  "));
        }
        let text = model.frame.cell(model.view, column, i, look);
        let text = cell(&text, width, column.layout().side, look);
        let style = if model.frame.strong(model.view, column, i) {
            colored(look, Color::Yellow).add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        };
        spans.push(Span::styled(text, style));
    }
    let style = if selected {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new()
    };
    Line::from(spans).style(style)
}

fn over<F: TopFrame>(
    frame: &mut Frame,
    model: &mut Model<F>,
    overlay: &Overlay<F::View, F::Identity>,
    area: Rect,
) {
    let width = usize::from(area.width);
    let lines = match overlay {
        Overlay::Help => detail::help::<F>(width),
        Overlay::Detail(view, who) => model.frame.detail(model.look, *view, who, width),
    };
    let page = usize::from(area.height);
    model.page = page;
    model.scroll = model.scroll.min(lines.len().saturating_sub(page));
    let shown: Vec<Line> = lines.into_iter().skip(model.scroll).take(page).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

fn footer<F: TopFrame>(model: &Model<F>) -> Vec<Line<'static>> {
    let message = model.message.as_ref().map(|message| {
        Line::styled(
            model.look.clean(message),
            Style::new().add_modifier(Modifier::BOLD),
        )
    });
    let Some(input) = &model.input else {
        let hints = match model.overlay {
            None => "? help  q quit  Enter details  / search  f filter  s sort  Space pause",
            Some(_) => "Esc back  j k scroll  Ctrl-C quit",
        };
        let dim = Style::new().add_modifier(Modifier::DIM);
        return vec![message.unwrap_or_else(|| Line::styled(hints, dim))];
    };
    let typed = Line::raw(format!(
        "{}{}",
        prompt(input.purpose),
        model.look.clean(&input.text)
    ));
    message.into_iter().chain([typed]).collect()
}

fn prompt(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Search => "search: ",
        Purpose::Filter => "filter: ",
    }
}

fn cursor<F: TopFrame>(frame: &mut Frame, model: &Model<F>, footer: Rect) {
    if let (Some(input), Some(last)) = (&model.input, footer.rows().next_back()) {
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
