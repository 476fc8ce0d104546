//! Screens of a recorded incident for docs/: `cargo xtask screens` writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::draw::draw;
use super::frame::{Feed as _, Wanted};
use super::host::Host;
use super::keys::Action;
use super::model::Model;
use super::settings::Settings;
use crate::client::Source;
use crate::engine::replay::Replay;
use crate::views::Look;

const INTRODUCTION: &str = "\
# Screens of `reapwatch top`

Made by `cargo xtask screens` from the recording `docs/screens/incident.trace`, which `reapwatch
replay docs/screens/incident.trace top` shows live: a health checker that leaks, a backup script
that never waits, and three parents that reap. A recording has no kernel stacks and no probes, so
that the views Stuck and Agent are empty in it.
";

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

async fn frame(source: &Source, model: Option<&Model<Host>>) -> Host {
    let first = Wanted {
        view: "Culprits",
        pid: None,
    };
    let wanted = model.map_or(first, Model::wanted);
    source.frame(wanted).await.expect("a frame")
}

fn drawn(model: &mut Model<Host>, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| draw(frame, model)).expect("drawing");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    let rows = rows.map(|row| row.iter().map(Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

/// The screen as a picture, in the colours of a dark terminal.
fn svg(buffer: &Buffer) -> String {
    const WIDTH: f64 = 8.4;
    const HEIGHT: usize = 19;
    let (columns, rows) = (
        usize::from(buffer.area.width),
        usize::from(buffer.area.height),
    );
    let (width, height) = (columns as f64 * WIDTH + 24.0, rows * HEIGHT + 24);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" \
         role=\"img\" aria-label=\"reapwatch top\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" \
         fill=\"#16181d\"/>\n<g font-family=\"ui-monospace, Menlo, Consolas, monospace\" \
         font-size=\"14\" fill=\"#d5d8df\" xml:space=\"preserve\">\n"
    );
    for (n, row) in buffer.content().chunks(columns).enumerate() {
        let y = 26 + n * HEIGHT;
        let style = |cell: &Cell| (cell.fg, cell.modifier);
        let mut at = 0;
        for part in row.chunk_by(|a, b| style(a) == style(b)) {
            let words: String = part.iter().map(Cell::symbol).collect();
            let x = 12.0 + at as f64 * WIDTH;
            at += part.len();
            let (color, modifier) = style(&part[0]);
            let long = part.len() as f64 * WIDTH;
            if modifier.contains(Modifier::REVERSED) {
                let top = y - 14;
                writeln!(svg, "<rect x=\"{x:.1}\" y=\"{top}\" width=\"{long:.1}\" height=\"{HEIGHT}\" fill=\"#2d3646\"/>")
                    .expect("to a string");
            }
            if words.trim().is_empty() {
                continue;
            }
            let fill = match color {
                Color::Red => " fill=\"#ff7b72\"",
                Color::Yellow => " fill=\"#e3b341\"",
                Color::Cyan => " fill=\"#56b6c2\"",
                _ if modifier.contains(Modifier::DIM) => " fill=\"#8b929e\"",
                _ => "",
            };
            let weight = if modifier.contains(Modifier::BOLD) {
                " font-weight=\"bold\""
            } else {
                ""
            };
            let words = words.replace('&', "&amp;").replace('<', "&lt;");
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y}\" textLength=\"{long:.1}\"{fill}{weight}>{words}</text>"
            )
            .expect("to a string");
        }
    }
    svg + "</g>\n</svg>\n"
}

/// Asserts that a document is this text, or writes it.
fn check(name: &str, text: &str) {
    let path = docs().join(name);
    if std::env::var_os("REAPWATCH_BLESS").is_some() {
        fs::write(&path, text).expect("docs/ is writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/{name} is out of date: run `cargo xtask screens`"
    );
}

#[tokio::test]
async fn the_screens_are_up_to_date() {
    let replay = Replay::of(&docs().join("screens/incident.trace")).expect("a recording");
    let source = Source::Recorded(Arc::new(replay));
    let look = Look {
        color: true,
        ascii: false,
    };
    let host = frame(&source, None).await;
    let label = "recording incident.trace".to_owned();
    let mut model = Model::new(look, label, 0, None, &Settings::default(), host);
    check("top.svg", &svg(&drawn(&mut model, 110, 12)));
    let mut page = INTRODUCTION.to_owned();
    for (title, actions, width, height) in [
        ("Culprits, 60 columns", &[][..], 60, 12),
        ("Culprits, 200 columns", &[], 200, 12),
        ("Details of a culprit", &[Action::Open], 100, 44),
        ("All parents", &[Action::Back, Action::Idle], 100, 14),
        ("Zombies", &[Action::Show(1)], 100, 20),
        ("Details of a zombie", &[Action::Open], 100, 50),
        ("Workloads", &[Action::Show(2)], 100, 10),
        ("Stuck exits", &[Action::Show(3)], 100, 10),
        ("Sort columns", &[Action::Show(0), Action::Sort], 100, 17),
        ("Help", &[Action::Help], 100, 48),
    ] {
        for &action in actions {
            model.act(action);
        }
        model.apply(frame(&source, Some(&model)).await);
        let screen = text(&drawn(&mut model, width, height));
        write!(page, "\n## {title}\n\n```\n{screen}```\n").expect("to a string");
    }
    check("screens.md", &page);
}
