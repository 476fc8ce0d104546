//! Screens of a recorded incident for docs/: `cargo xtask screens` writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use super::draw::draw;
use super::frame::{Feed as _, Wanted};
use super::host::Host;
use super::keys::Action;
use super::model::Model;
use super::player::Player;
use super::settings::Settings;
use crate::client::Source;
use crate::engine::replay::Replay;
use crate::views::Look;

const INTRODUCTION: &str = "\
# Screens of `reapwatch top`

Made by `cargo xtask screens` from the recording `docs/screens/incident.trace`, which `reapwatch
replay docs/screens/incident.trace top` plays: a health checker that leaks, a runner that waits for
some of its jobs only, a backup that waits for its helper, and an uploader that was killed and does
not die, because the server of its file system (a real sshfs) is stopped.
";

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

async fn frame(source: &Source, model: Option<&Model<Host>>) -> Host {
    let first = Wanted {
        view: "Culprits",
        ..Wanted::default()
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

const WIDTH: f64 = 8.4;
const HEIGHT: usize = 19;

/// Screens as a moving picture, in the colours of a dark terminal. Each is shown for a while, the
/// last one for longer. A program that does not move pictures shows the last.
fn film(screens: &[Buffer]) -> String {
    const SECONDS: f64 = 1.2;
    const LAST: usize = 6;
    let area = screens[0].area;
    let (width, height) = (
        f64::from(area.width) * WIDTH + 24.0,
        usize::from(area.height) * HEIGHT + 24,
    );
    let slots = screens.len() - 1 + LAST;
    let (all, one) = (slots as f64 * SECONDS, 100.0 / slots as f64);
    let last = LAST as f64 * one;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" \
         role=\"img\" aria-label=\"reapwatch top\">\n<style>\n\
         .screen {{ visibility: hidden; animation: screen {all:.1}s step-end infinite }}\n\
         .last {{ visibility: visible; animation-name: last }}\n\
         @keyframes screen {{ 0% {{ visibility: visible }} {one:.2}% {{ visibility: hidden }} }}\n\
         @keyframes last {{ 0% {{ visibility: visible }} {last:.2}% {{ visibility: hidden }} }}\n\
         @media (prefers-reduced-motion) {{ .screen {{ animation: none }} }}\n</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"14\" \
         fill=\"#d5d8df\" xml:space=\"preserve\">\n"
    );
    for (n, screen) in screens.iter().enumerate() {
        let class = if n + 1 == screens.len() {
            "screen last"
        } else {
            "screen"
        };
        // Negative, so that each is in its place from the start.
        let delay = n as f64 * SECONDS - all;
        let style = format!("animation-delay: {delay:.1}s");
        writeln!(svg, "<g class=\"{class}\" style=\"{style}\">").expect("to a string");
        draw_cells(&mut svg, screen);
        svg.push_str("</g>\n");
    }
    svg + "</g>\n</svg>\n"
}

fn draw_cells(svg: &mut String, screen: &Buffer) {
    let rows = screen.content().chunks(usize::from(screen.area.width));
    for (n, row) in rows.enumerate() {
        let y = 26 + n * HEIGHT;
        let style = |cell: &Cell| (cell.fg, cell.modifier);
        let mut at = 0;
        for part in row.chunk_by(|a, b| style(a) == style(b)) {
            let words: String = part.iter().map(Cell::symbol).collect();
            let x = 12.0 + at as f64 * WIDTH;
            at += part.len();
            let (color, modifier) = style(&part[0]);
            if modifier.contains(Modifier::REVERSED) {
                let (top, long) = (y - 14, part.len() as f64 * WIDTH);
                writeln!(svg, "<rect x=\"{x:.1}\" y=\"{top}\" width=\"{long:.1}\" height=\"{HEIGHT}\" fill=\"#2d3646\"/>")
                    .expect("to a string");
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
            for (before, words) in pieces(&words) {
                let (x, long) = (x + before as f64 * WIDTH, words.width() as f64 * WIDTH);
                let words = words.replace('&', "&amp;").replace('<', "&lt;");
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y}\" textLength=\"{long:.1}\"{fill}{weight}>{words}</text>"
                )
                .expect("to a string");
            }
        }
    }
}

/// Words between two or more blanks, which SVG would make one, with their distance from the start.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut before = 0;
    for piece in text.split("  ") {
        let words = piece.trim();
        if !words.is_empty() {
            let blanks = piece.len() - piece.trim_start().len();
            pieces.push((before + blanks, words));
        }
        before += piece.width() + 2;
    }
    pieces
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

/// The incident as it develops, and at its end the details of the worst culprit.
async fn incident(source: &Source, look: Look) -> Vec<Buffer> {
    let recorded = source.recorded().expect("a recording");
    let host = frame(source, None).await;
    let label = "recording incident.trace".to_owned();
    let mut model = Model::new(look, label, 0, &Settings::default(), host);
    let mut screens = Vec::new();
    let seconds = recorded.length.as_secs();
    for second in (2..=seconds).step_by(2) {
        let at = Duration::from_secs(second);
        model.player = Some(Player::new(recorded, at));
        model.apply(frame(source, Some(&model)).await);
        screens.push(drawn(&mut model, 110, 34));
    }
    model.act(Action::Open);
    model.player = Some(Player::new(recorded, recorded.length));
    model.apply(frame(source, Some(&model)).await);
    screens.push(drawn(&mut model, 110, 34));
    screens
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
    let mut model = Model::new(look, label, 0, &Settings::default(), host);
    check("top.svg", &film(&incident(&source, look).await));
    let mut page = INTRODUCTION.to_owned();
    // The film has left it elsewhere.
    model.player = source.recorded().map(|it| Player::new(it, it.length));
    for (title, actions, width, height) in [
        ("Culprits, 60 columns", &[][..], 60, 12),
        ("Culprits, 200 columns", &[], 200, 12),
        ("Details of a culprit", &[Action::Open], 100, 44),
        ("All parents", &[Action::Back, Action::Idle], 100, 14),
        ("Zombies", &[Action::Show(1)], 100, 20),
        ("Details of a zombie", &[Action::Open], 100, 50),
        ("Tree", &[Action::Show(0), Action::Tree], 100, 16),
        ("Workloads", &[Action::Show(2)], 100, 10),
        (
            "Details of a workload",
            &[Action::Down, Action::Open],
            100,
            36,
        ),
        ("Stuck exits", &[Action::Back, Action::Show(3)], 100, 10),
        ("Stuck exits, 200 columns", &[], 200, 10),
        ("Details of a stuck exit", &[Action::Open], 100, 44),
        ("Agent", &[Action::Back, Action::Show(4)], 100, 18),
        ("Sort columns", &[Action::Show(0), Action::Sort], 100, 17),
        ("Help", &[Action::Help], 100, 56),
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
