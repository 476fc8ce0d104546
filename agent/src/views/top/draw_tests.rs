//! What is drawn on the screen.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::views::snapshot;
use crate::views::top::keys::Action;
use crate::views::top::sample::{Model, busy, frame, model, verdict};

use super::*;

fn screen(model: &mut Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| draw(frame, model)).expect("drawing");
    let buffer = terminal.backend().buffer();
    let lines = (0..height).map(|y| {
        let cells: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        cells.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn culprits_fit_80_columns() {
    let mut rows = busy();
    rows.items[0].parents[2].oldest_is_lower_bound = true;
    rows.items[0].parents[2].verdict = Some(verdict());
    let text = screen(&mut model(rows), 80, 8)
        + "
";
    snapshot::check("top", "culprits", &text);
}

#[test]
fn lost_events_are_shown_even_on_a_narrow_screen() {
    let mut rows = busy();
    rows.head.lost_events = 12;
    let mut model = model(rows);
    assert!(screen(&mut model, 100, 24).contains("LOST 12 events: rows may be missing or late"));
    assert!(screen(&mut model, 60, 12).contains("LOST 12 events"));
    model.frame.head.lost_events = 0;
    assert!(!screen(&mut model, 100, 24).contains("LOST"));
}

#[test]
fn a_silent_agent_is_reported() {
    let mut model = model(busy());
    model.fail("connection refused".into(), Duration::from_secs(12));
    let text = screen(&mut model, 100, 24);
    assert!(
        text.contains("NO ANSWER for 12s, figures are old: connection refused"),
        "{text}"
    );
    assert!(text.contains("nginx"), "the last figures stay");
}

#[test]
fn truncated_text_is_marked() {
    let mut rows = busy();
    rows.items[0].summary.stuck = 2;
    let mut model = model(rows);
    model.source = "agent at /run/reapwatch/reapwatch.sock".into();
    let text = screen(&mut model, 48, 12);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "reapwatch  web-1  6.18.44  fentry  agent at /ru…");
    assert!(
        lines[1].starts_with("4 zombies  2 STUCK (see: reapwatch stuck)"),
        "{text}"
    );
    assert_eq!(
        lines[11],
        "? help  q quit  Enter details  / search  f filt…"
    );
    model.look.ascii = true;
    assert!(screen(&mut model, 48, 12).contains("agent at /ru~"));
}

#[test]
fn an_empty_view_shows_the_number_of_exits() {
    let mut model = model(frame(vec![], vec![]));
    model.act(Action::OtherView);
    let text = screen(&mut model, 80, 10);
    for part in ["no zombies", "1234 exits", "5m12s"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn an_empty_result_of_a_filter_is_reported() {
    let mut model = model(busy());
    model.filter = Some(model::filter::Filter::parse("comm=nobody").expect("a filter"));
    model.arrange();
    let text = screen(&mut model, 80, 10);
    for part in ["comm=nobody", "3 rows"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn details_name_each_process_by_pid_and_start() {
    let mut model = model(busy());
    model.act(Action::Open);
    let text = screen(&mut model, 100, 24);
    for part in [
        "Process 10 java",
        "2 zombies",
        "101",
        "2026-11-22 00:00:00.000",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    model.apply(frame(vec![], vec![]));
    assert!(screen(&mut model, 100, 24).contains("PID 10 holds no zombies"));

    model.apply(busy());
    model.act(Action::Show(1));
    model.act(Action::Open);
    let text = screen(&mut model, 100, 24);
    for part in [
        "Zombie 101 curl",
        "zombie for    15s",
        "10 java, started",
        "has to reap it",
        "SIGKILL",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    model.apply(frame(vec![], vec![]));
    assert!(screen(&mut model, 100, 24).contains("PID 101 is no longer a zombie"));
}

#[test]
fn any_screen_size_is_drawn_without_a_panic() {
    let states: [&[Action]; 6] = [
        &[],
        &[Action::OtherView, Action::Last],
        &[Action::Open, Action::PageDown],
        &[Action::Help, Action::Last],
        &[Action::Filter, Action::Type('x'), Action::Accept],
        &[Action::Search, Action::Type('界'), Action::Type('界')],
    ];
    for actions in states {
        for (width, height) in [(40, 10), (0, 0), (1, 1), (2, 3), (7, 2), (300, 1), (1, 60)] {
            let mut model = model(busy());
            model.frame.head.lost_events = 3;
            model.fail("x".repeat(100), Duration::ZERO);
            for &action in actions {
                model.act(action);
            }
            screen(&mut model, width, height);
        }
    }
}

#[test]
fn a_small_screen_keeps_rows_and_footer() {
    let text = screen(&mut model(busy()), 40, 10);
    assert!(
        text.contains("java") && text.contains("ZOMBIES") && text.contains("q quit"),
        "{text}"
    );
    let text = screen(&mut model(busy()), 40, 3);
    assert!(text.contains("java"), "{text}");
}

#[test]
fn the_selected_row_is_always_on_the_screen() {
    let mut model = model(busy());
    model.act(Action::OtherView);
    screen(&mut model, 80, 6);
    for action in [
        Action::Last,
        Action::First,
        Action::Down,
        Action::PageDown,
        Action::Up,
    ] {
        model.act(action);
        let text = screen(&mut model, 80, 6);
        let pid = model.selected().expect("a row").pid.to_string();
        let marked = text
            .lines()
            .find(|line| line.starts_with('>'))
            .unwrap_or_default();
        assert!(
            marked.contains(&pid),
            "{action:?}: {pid} is not marked in:\n{text}"
        );
    }
}

#[test]
fn ascii_terminals_get_ascii() {
    let mut rows = busy();
    rows.items[0].parents[2].oldest_is_lower_bound = true;
    let mut model = model(rows);
    model.look.ascii = true;
    model.rates = [0.0, 1.0, 5.0].into();
    let text = screen(&mut model, 82, 24);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains(">=15s"));
}

#[test]
fn no_colour_means_no_styles() {
    let mut rows = busy();
    rows.head.lost_events = 1;
    let mut model = model(rows);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a test terminal");
    terminal
        .draw(|frame| draw(frame, &mut model))
        .expect("drawing");
    assert!(
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .all(|cell| cell.fg == Color::Reset)
    );
}

#[test]
fn wide_names_keep_the_columns() {
    assert_eq!(cell("世界世界", 5, Side::Left, model(busy()).look), "世界…");
    assert_eq!(cell("ab", 4, Side::Right, model(busy()).look), "  ab");
    assert_eq!(cell("ab", 0, Side::Left, model(busy()).look), "");
}

#[test]
fn details_of_a_culprit_and_of_its_zombies_say_why() {
    let mut rows = busy();
    rows.items[0].parents[2].verdict = Some(verdict());
    let mut model = model(rows);
    model.act(Action::Open);
    let text = screen(&mut model, 80, 30);
    for part in [
        "Why (likely)",
        "java (PID 10) never waits",
        "holds 2 zombies",
        "fix java",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    model.act(Action::Back);
    model.act(Action::OtherView);
    model.act(Action::Open);
    let text = screen(&mut model, 80, 30);
    assert!(
        text.contains("Zombie 101") && text.contains("fix java"),
        "{text}"
    );
}
