//! The header of the screen: where the data comes from, whether it is current, and the views.

use std::time::Duration;

use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};

use api::Seconds;

use crate::views::column::Tone;
use crate::views::text::{count, rate, second, wrap};

use super::frame::Frame;
use super::model::Model;
use super::player::Player;
use super::style::{self, bold, colored};

/// Width of the bar that shows the position in a recording.
const BAR: usize = 40;

/// Its lines for a given width, most important first.
pub fn lines<F: Frame>(model: &Model<F>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![place(model, width)];
    if let Some((why, silent)) = &model.failure {
        let silent = model.look.duration(Seconds(silent.as_secs_f64()));
        let why = model.look.clean(why);
        let words = format!("NO ANSWER for {silent}, figures are old: {why}");
        lines.extend(alarm(model, &words, width));
    }
    lines.extend(model.player.as_ref().map(|it| timeline(model, it, width)));
    lines.push(figures(model, width));
    for words in model.frame.alarms(model.look) {
        lines.extend(alarm(model, &words, width));
    }
    lines.push(tabs(model, width));
    lines.extend(narrowed(model));
    lines
}

fn alarm<F: Frame>(model: &Model<F>, words: &str, width: usize) -> Vec<Line<'static>> {
    let style = style::of(Tone::Bad, model.look);
    let words = wrap(words, width).into_iter();
    words.map(|words| Line::styled(words, style)).collect()
}

fn place<F: Frame>(model: &Model<F>, width: usize) -> Line<'static> {
    let look = model.look;
    let mut spans = vec![Span::styled("reapwatch", bold())];
    if model.paused {
        spans.push(Span::raw("  "));
        let style = bold().add_modifier(Modifier::REVERSED);
        spans.push(Span::styled(" PAUSED ", style));
    }
    let every = format!("every {}", humantime::format_duration(model.interval));
    let every = Some(every).filter(|_| model.player.is_none());
    let places = model.frame.place(look).into_iter();
    let places = places.chain([look.clean(&model.source)]).chain(every);
    let mut room = width.saturating_sub(spans.iter().map(Span::width).sum());
    for (n, words) in places.enumerate() {
        let style = if n == 0 {
            bold()
        } else {
            style::of(Tone::Plain, look)
        };
        let span = Span::styled(format!("  {words}"), style);
        // Whole words: half a name of a host or file would be wrong.
        if n > 0 && span.width() > room {
            continue;
        }
        room = room.saturating_sub(span.width());
        spans.push(span);
    }
    Line::from(spans)
}

/// `playing  2026-11-29 23:21:49 UTC  5s of 18s  1x`, and how much of the recording that is.
fn timeline<F: Frame>(model: &Model<F>, player: &Player, width: usize) -> Line<'static> {
    let look = model.look;
    let state = match (player.is_over(), model.paused) {
        (true, _) => "ended",
        (false, true) => "paused",
        (false, false) => "playing",
    };
    let seconds = |it: Duration| look.duration(Seconds(it.as_secs_f64()));
    let words = format!(
        "{state}  {}  {} of {}  {}x  ",
        second(player.moment()),
        seconds(player.at()),
        seconds(player.length()),
        player.speed()
    );
    let room = width.saturating_sub(words.len()).min(BAR);
    let share = player.at().as_secs_f64() / player.length().as_secs_f64().max(f64::MIN_POSITIVE);
    let done = (share * room as f64).round() as usize;
    let [before, after] = if look.ascii {
        ["=", "-"]
    } else {
        ["━", "─"]
    };
    Line::from(vec![
        Span::styled(words, bold()),
        Span::styled(before.repeat(done), colored(look, Color::Cyan)),
        Span::raw(after.repeat(room - done.min(room))),
    ])
}

fn figures<F: Frame>(model: &Model<F>, width: usize) -> Line<'static> {
    let known = model.frame.figures();
    let look = model.look;
    let exits = look.known(model.rates.back().copied(), rate);
    let warn = |warn: bool| if warn { Tone::Warn } else { Tone::Plain };
    let zombies = Span::styled(known.zombies, style::of(warn(known.worth_a_look), look));
    let stuck = match known.stuck {
        0 => String::new(),
        stuck => format!("  {stuck} STUCK"),
    };
    let stuck = Span::styled(stuck, style::of(Tone::Bad, look));
    let exits = Span::raw(format!("  exits/s {exits} "));
    // In capitals, since not everyone sees the colour.
    let loss = match known.lost {
        0 => String::new(),
        lost => format!(
            "  LOST {}: rows may be missing or late",
            count(lost, "event")
        ),
    };
    let loss = Span::styled(loss, style::of(Tone::Bad, look));
    // The sparkline takes the remaining space.
    let room = width.saturating_sub(zombies.width() + stuck.width() + exits.width() + loss.width());
    let curve = Span::styled(sparkline(model, room), colored(look, Color::Cyan));
    Line::from(vec![zombies, stuck, exits, curve, loss])
}

/// The last rates.
fn sparkline<F: Frame>(model: &Model<F>, width: usize) -> String {
    let hidden = model.rates.len().saturating_sub(width);
    model.look.curve(model.rates.iter().skip(hidden).copied())
}

/// The views; on a narrow screen without their digits.
fn tabs<F: Frame>(model: &Model<F>, width: usize) -> Line<'static> {
    let tabs = |digits: bool| {
        let mut spans = Vec::new();
        for (n, view) in F::VIEWS.iter().enumerate() {
            let digit = if digits {
                format!("{} ", n + 1)
            } else {
                String::new()
            };
            let count = view.count(&model.frame);
            let count = count.map(|count| format!(" {count}")).unwrap_or_default();
            let words = format!("{digit}{}{count}", view.title());
            spans.push(if n == model.place {
                Span::styled(format!("[{words}]"), bold())
            } else {
                Span::raw(format!(" {words} "))
            });
        }
        Line::from(spans)
    };
    let all = tabs(true);
    if all.width() <= width {
        all
    } else {
        tabs(false)
    }
}

/// Which rows are shown and in what order, unless all are in the usual one.
fn narrowed<F: Frame>(model: &Model<F>) -> Option<Line<'static>> {
    let filter = model.filter.as_ref();
    let filter = filter.map(|filter| format!("filter: {}", model.look.clean(filter.text())));
    let search = Some(&model.search).filter(|search| !search.is_empty());
    let search = search.map(|search| format!("search: {}", model.look.clean(search)));
    let group = model.group.then(|| "grouped by workload".to_owned());
    let words: Vec<_> = filter.into_iter().chain(search).chain(group).collect();
    let words = words.join("  ");
    let style = colored(model.look, Color::Cyan);
    (!words.is_empty()).then(|| Line::styled(words, style))
}
