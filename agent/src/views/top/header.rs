//! The header of the screen: where the data comes from, and whether it is current.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use api::Seconds;

use crate::views::text::{count, rate, wrap};

use super::color::colored;
use super::frame::TopFrame;
use super::model::Model;

/// Its lines for a given width, most important first.
pub fn lines<F: TopFrame>(model: &Model<F>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![figures(model, width)];
    for words in model.frame.alarms(model.look) {
        let words = wrap(&words, width).into_iter();
        lines.extend(words.map(|words| Line::styled(words, alarm(model))));
    }
    lines.push(tabs(model));
    if let Some((why, silent)) = &model.failure {
        let silent = model.look.duration(Seconds(silent.as_secs_f64()));
        let words = format!(
            "NO ANSWER for {silent}, figures are old: {}",
            model.look.clean(why)
        );
        let words = wrap(&words, width).into_iter();
        lines.splice(0..0, words.map(|words| Line::styled(words, alarm(model))));
    }
    lines.insert(0, place(model));
    lines
}

fn alarm<F: TopFrame>(model: &Model<F>) -> Style {
    colored(model.look, Color::Red).add_modifier(Modifier::BOLD)
}

fn place<F: TopFrame>(model: &Model<F>) -> Line<'static> {
    let look = model.look;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut spans = vec![Span::styled("reapwatch", bold)];
    if model.paused {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(
            " PAUSED ",
            bold.add_modifier(Modifier::REVERSED),
        ));
    }
    for (n, words) in model.frame.place(look).into_iter().enumerate() {
        let style = if n == 0 { bold } else { Style::new() };
        spans.push(Span::styled(format!("  {words}"), style));
    }
    spans.push(Span::raw(format!("  {}", look.clean(&model.source))));
    Line::from(spans)
}

fn figures<F: TopFrame>(model: &Model<F>, width: usize) -> Line<'static> {
    let known = model.frame.figures(model.look);
    let exits = model.look.known(model.rates.back().copied(), rate);
    let strong = if known.worth_a_look {
        colored(model.look, Color::Yellow).add_modifier(Modifier::BOLD)
    } else {
        Style::new()
    };
    let zombies = Span::styled(known.zombies, strong);
    let stuck = match known.stuck {
        0 => String::new(),
        stuck => format!("  {stuck} STUCK{}", F::WORDS.stuck),
    };
    let stuck = Span::styled(stuck, alarm(model));
    let exits = Span::raw(format!("  exits/s {exits} "));
    // In capitals, since not everyone sees the colour.
    let loss = match known.lost {
        0 => String::new(),
        lost => format!(
            "  LOST {}: rows may be missing or late",
            count(lost, "event")
        ),
    };
    let loss = Span::styled(loss, alarm(model));
    // The sparkline takes the remaining space.
    let room = width.saturating_sub(zombies.width() + stuck.width() + exits.width() + loss.width());
    let curve = Span::styled(sparkline(model, room), colored(model.look, Color::Cyan));
    Line::from(vec![zombies, stuck, exits, curve, loss])
}

/// The last rates, scaled to their maximum.
fn sparkline<F: TopFrame>(model: &Model<F>, width: usize) -> String {
    let levels: &[char] = if model.look.ascii {
        &['_', '.', '-', '=', '+', '*', '#', '@']
    } else {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    };
    let shown = model
        .rates
        .iter()
        .skip(model.rates.len().saturating_sub(width));
    let most = shown.clone().fold(0.0, |most: f64, &rate| most.max(rate));
    shown
        .map(|rate| {
            let share = if most > 0.0 { rate / most } else { 0.0 };
            levels[(share * (levels.len() - 1) as f64).round() as usize]
        })
        .collect()
}

fn tabs<F: TopFrame>(model: &Model<F>) -> Line<'static> {
    let mut spans = Vec::new();
    for (n, (view, name, _)) in F::VIEWS.into_iter().enumerate() {
        let rows = model.list_of(view).order.iter();
        let rows = rows.filter(|&&row| model.frame.counts(view, row)).count();
        let words = format!("{} {name} {rows}", n + 1);
        spans.push(if view == model.view {
            let style = Style::new().add_modifier(Modifier::BOLD);
            Span::styled(format!("[{words}]"), style)
        } else {
            Span::raw(format!(" {words} "))
        });
    }
    if let Some(filter) = &model.filter {
        let words = format!("  filter: {}", model.look.clean(filter.text()));
        spans.push(Span::styled(words, colored(model.look, Color::Cyan)));
    }
    let every = humantime::format_duration(model.interval);
    spans.push(Span::raw(format!("  every {every}")));
    Line::from(spans)
}
