//! What covers the table: the help, the choice of a sort column, details of a row.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use model::filter::Field;

use crate::views::column::Layout;
use crate::views::text::wrap;

use super::frame::Frame;
use super::keys;
use super::model::{Model, Overlay};
use super::style::bold;

/// Width of the labels.
const NAMES: usize = 15;

/// The lines of an overlay, for a given width.
pub fn lines<F: Frame>(model: &Model<F>, overlay: &Overlay, width: usize) -> Vec<Line<'static>> {
    match overlay {
        Overlay::Help => help(model, width),
        Overlay::Sort(at) => sorts(model, *at),
        Overlay::Tree => {
            let tree = model.frame.tree(model.filter.as_ref(), model.look);
            tree.unwrap_or_default().lines().map(line).collect()
        }
        Overlay::Detail(who) => {
            let text = model.view().detail(&model.frame, who, model.look, width);
            text.lines().map(line).collect()
        }
    }
}

/// Lines without an indent are headings.
fn line(text: &str) -> Line<'static> {
    if text.starts_with(' ') {
        Line::raw(text.to_owned())
    } else {
        Line::styled(text.to_owned(), bold())
    }
}

fn help<F: Frame>(model: &Model<F>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![line("Keys")];
    for (keys, meaning) in keys::HELP {
        lines.extend(named(keys, meaning, width));
    }
    if model.player.is_some() {
        lines.extend([Line::default(), line("Time in the recording")]);
        for (keys, meaning) in keys::PLAYER_HELP {
            lines.extend(named(keys, meaning, width));
        }
    }
    lines.extend([Line::default(), line("Filters")]);
    for (name, words) in [
        ("example", F::FILTER.to_owned()),
        ("fields", Field::known(F::FIELDS)),
        (
            "operators",
            "= != > < >= <=, ~ contains, =~ matches a regular expression; and, or, not, ( )"
                .to_owned(),
        ),
    ] {
        lines.extend(named(name, &words, width));
    }
    let heading = format!("Columns of {}", model.view().title());
    lines.extend([Line::default(), line(&heading)]);
    for layout in model.view().layouts() {
        lines.extend(named(layout.head, layout.what, width));
    }
    lines.push(Line::default());
    for text in F::NOTES {
        lines.extend(wrap(text, width).into_iter().map(Line::raw));
    }
    lines
}

fn sorts<F: Frame>(model: &Model<F>, at: usize) -> Vec<Line<'static>> {
    let current = model.list().sort;
    let layouts = model.view().layouts();
    let names = layouts.iter().map(|it| it.head.len()).max().unwrap_or(0);
    let row = |(n, layout): (usize, &Layout)| {
        let mark = if n == at { '>' } else { ' ' };
        let now = if n == current { " (now)" } else { "" };
        let text = format!("{mark} {:<names$}  {}{now}", layout.head, layout.what);
        let style = if n == at {
            bold().add_modifier(Modifier::REVERSED)
        } else {
            ratatui::style::Style::new()
        };
        Line::styled(text, style)
    };
    let heading = line("Sort by");
    let rows = layouts.into_iter().enumerate().map(row);
    [heading].into_iter().chain(rows).collect()
}

/// A label with text beside it, wrapped within its own column.
fn named(name: &str, text: &str, width: usize) -> Vec<Line<'static>> {
    let lines = wrap(text, width.saturating_sub(NAMES))
        .into_iter()
        .enumerate();
    let line = |(n, words)| {
        let name = if n == 0 { name } else { "" };
        Line::from(vec![
            Span::styled(format!("{name:<NAMES$}"), bold()),
            Span::raw(words),
        ])
    };
    lines.map(line).collect()
}
