//! What is drawn on the screen.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::views::snapshot;
use crate::views::top::frame::Recorded;
use crate::views::top::keys::Action;
use crate::views::top::player::Player;
use crate::views::top::sample::{Model, at, busy, frame, host, model, verdict, workload};

use super::super::model::column_named;
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

fn pod() -> api::Container {
    api::Container {
        namespace: Some("shop".into()),
        pod: Some("web-7f9c6d5b4-x2x4z".into()),
        name: Some("app".into()),
        ..api::Container::default()
    }
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
    model.apply(host(busy()));
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
fn a_narrow_screen_keeps_why_and_cuts_workloads_at_their_front() {
    let mut rows = busy();
    rows.items[0].summary.stuck = 2;
    let java = &mut rows.items[0].parents[2];
    java.verdict = Some(verdict());
    java.container = Some(pod());
    let mut model = model(rows);
    model.source = "agent at /run/reapwatch/reapwatch.sock".into();
    snapshot::check("top", "60 columns", &(screen(&mut model, 60, 12) + "\n"));
    let text = screen(&mut model, 60, 12);
    for part in ["WHY", "never_waits", "2 STUCK", "row 1 of 2, 1 idle hidden"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let text = screen(&mut model, 66, 12);
    assert!(text.contains("…") && text.contains("x2x4z/app"), "{text}");
    model.look.ascii = true;
    assert!(screen(&mut model, 66, 12).contains('~'));
}

#[test]
fn a_long_verdict_is_shown_whole_before_lesser_columns() {
    let mut rows = busy();
    rows.items[0].parents[2].verdict = Some(api::Verdict {
        id: "subreaper_without_reaping".into(),
        ..verdict()
    });
    let mut model = model(rows);
    for width in [80, 100, 200] {
        let text = screen(&mut model, width, 12);
        assert!(text.contains("subreaper_without_reaping"), "{text}");
    }
}

#[test]
fn the_column_that_sorts_stays_on_a_narrow_screen_beside_why() {
    let mut model = model(busy());
    for heading in ["WORKLOAD", "P99"] {
        model.list_mut().sort = column_named(model.view(), heading).expect("it is there");
        let text = screen(&mut model, 80, 12);
        assert!(text.contains(&format!("{heading}▼")), "{text}");
        assert!(text.contains("WHY"), "{text}");
    }
}

#[test]
fn a_long_workload_leaves_room_for_the_leak_rate() {
    let mut rows = busy();
    for parent in &mut rows.items[0].parents {
        parent.container = Some(pod());
    }
    let mut model = model(rows);
    let text = screen(&mut model, 110, 12);
    for part in [" shop/web-7f9c6d5b4-x2x4z/app ", "LEAK/s", "WHY"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_wrong_filter_has_a_caret_below_the_place() {
    let mut model = model(busy());
    model.act(Action::Filter);
    for c in "comm=界 and nss=x".chars() {
        model.act(Action::Type(c));
    }
    model.act(Action::Accept);
    let text = screen(&mut model, 80, 12);
    let mut lines = text.lines().rev();
    assert_eq!(lines.next(), Some("                    ^^^"), "{text}");
    assert!(
        lines.next().is_some_and(|it| it.contains("nss=x")),
        "{text}"
    );
    assert!(text.contains("is not a field here"), "{text}");
    model.act(Action::Erase);
    assert!(!screen(&mut model, 80, 12).contains('^'));
}

#[test]
fn the_tree_groups_zombies_by_workload_and_culprit() {
    let mut rows = busy();
    rows.items[0].parents[2].verdict = Some(verdict());
    rows.items[0].parents[1].container = workload("web.service", 1).container;
    let mut model = model(rows);
    model.act(Action::Tree);
    snapshot::check("top", "tree", &(screen(&mut model, 80, 14) + "\n"));
    model.look.ascii = true;
    assert!(screen(&mut model, 80, 14).is_ascii());
    model.act(Action::Tree);
    assert!(model.overlay.is_none());
}

#[test]
fn a_recording_has_a_line_for_its_time() {
    let mut model = model(busy());
    let recorded = Recorded {
        began: at("2026-11-22T03:11:00Z"),
        length: Duration::from_secs(60),
    };
    model.player = Some(Player::new(recorded, Duration::from_secs(30)));
    let text = screen(&mut model, 80, 12);
    let line = "playing  2026-11-22 03:11:30 UTC  30s of 1m  1x";
    assert!(text.contains(line), "{text}");
    model.paused = true;
    let text = screen(&mut model, 60, 12);
    assert!(text.contains("paused  2026-11-22 03:11:30 UTC"), "{text}");
    model.act(Action::Help);
    assert!(screen(&mut model, 80, 60).contains("Time in the recording"));
}

#[test]
fn each_view_has_its_screen() {
    let mut rows = busy();
    rows.items[0].parents[2].verdict = Some(verdict());
    rows.items[0].workloads = vec![workload("shop.service", 4), workload("cron.service", 0)];
    let mut model = model(rows);
    for (place, name) in [(0, "culprits"), (1, "zombies"), (2, "workloads")] {
        model.act(Action::Show(place));
        let text = screen(&mut model, 110, 10) + "\n";
        snapshot::check("top", &format!("{name}, 110 columns"), &text);
    }
    model.act(Action::Help);
    snapshot::check("top", "help", &(screen(&mut model, 80, 50) + "\n"));
    model.act(Action::Back);
    model.act(Action::Sort);
    snapshot::check("top", "sort", &(screen(&mut model, 80, 14) + "\n"));
}

#[test]
fn an_empty_view_shows_the_number_of_exits() {
    let mut model = model(frame(vec![], vec![]));
    model.act(Action::NextView);
    let text = screen(&mut model, 80, 10);
    for part in ["no zombies", "1234 exits", "5m12s"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn an_empty_result_of_a_filter_is_reported() {
    let mut model = model(busy());
    let filter = model::filter::Filter::parse("comm=nobody", model::filter::Field::ALL);
    model.filter = Some(filter.expect("a filter"));
    model.arrange();
    let text = screen(&mut model, 80, 10);
    for part in ["comm=nobody", "3 rows"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn any_screen_size_is_drawn_without_a_panic() {
    let states: [&[Action]; 10] = [
        &[Action::Tree, Action::Last],
        &[],
        &[Action::NextView, Action::Last],
        &[Action::Open, Action::PageDown],
        &[Action::Sort, Action::Last],
        &[Action::Show(3)],
        &[Action::Show(4), Action::Open],
        &[Action::Help, Action::Last],
        &[Action::Filter, Action::Type('x'), Action::Accept],
        &[Action::Search, Action::Type('界'), Action::Type('界')],
    ];
    for actions in states {
        for (width, height) in [(40, 10), (0, 0), (1, 1), (2, 3), (7, 2), (300, 1), (1, 60)] {
            let mut model = model(busy());
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
    model.act(Action::NextView);
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
        let pid = model.selected().and_then(|who| who.pid());
        let pid = pid.expect("a process").to_string();
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
fn details_say_what_is_known_until_the_story_is_there() {
    let mut model = model(busy());
    model.act(Action::Open);
    let text = screen(&mut model, 80, 12);
    assert!(text.contains("java (PID 10) holds 2 zombies"), "{text}");
    model.act(Action::Show(1));
    model.act(Action::Open);
    let text = screen(&mut model, 80, 12);
    assert!(
        text.contains("curl (PID 101) is a zombie for 15s"),
        "{text}"
    );
}

#[test]
fn details_of_a_workload_list_its_culprits_and_zombies() {
    let mut rows = busy();
    rows.items[0].workloads = vec![workload("shop.service", 2)];
    rows.items[0].parents[2].container = rows.items[0].workloads[0].container.clone();
    rows.items[0].parents[2].verdict = Some(verdict());
    let mut model = model(rows);
    model.act(Action::Show(2));
    model.act(Action::Open);
    let text = screen(&mut model, 80, 30);
    for part in [
        "java (PID 10) holds 2",
        "fix java",
        "101",
        "2 zombies to reap",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("103"), "another's zombie: {text}");
    model.apply(host(frame(vec![], vec![])));
    assert!(screen(&mut model, 80, 30).contains("shop.service holds no zombies"));
}
