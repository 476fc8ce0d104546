//! How keys and frames change the model.

use std::time::Duration;

use crate::views::table::TableColumn;
use crate::views::top::act::Effect;
use crate::views::top::frame::TopFrame;
use crate::views::top::identity::Identity;
use crate::views::top::keys::Action;
use crate::views::top::sample::{self, Model, busy, frame, model, parent, zombie};

use super::Overlay;

fn shown(model: &Model) -> Vec<u32> {
    (0..model.list().order.len())
        .map(|at| model.frame.identity(model.view, model.list().order[at]).pid)
        .collect()
}

fn selected(model: &Model) -> Option<u32> {
    model.selected().map(|who| who.pid)
}

fn type_line(model: &mut Model, text: &str) {
    model.act(Action::EraseAll);
    for c in text.chars() {
        model.act(Action::Type(c));
    }
    model.act(Action::Accept);
}

#[test]
fn culprits_are_worst_first_and_ties_go_to_the_oldest() {
    assert_eq!(shown(&model(busy())), [10, 20, 30]);
}

#[test]
fn zombies_are_oldest_first() {
    let mut model = model(busy());
    model.act(Action::OtherView);
    assert_eq!(shown(&model), [101, 103, 102, 104]);
}

#[test]
fn sorting_cycles_and_reverses() {
    let mut model = model(busy());
    model.act(Action::Reverse);
    assert_eq!(shown(&model)[0], 30);
    for head in ["OLDEST", "LEAK/s", "REAPS/s"] {
        model.act(Action::Sort);
        assert_eq!(model.list().sort.layout().head, head);
    }
    assert_eq!(shown(&model), [30, 20, 10]);
}

#[test]
fn an_untouched_selection_stays_on_the_first_row() {
    let mut model = model(busy());
    model.apply(frame(
        vec![
            parent(40, "leaky", 9, Some(99.0)),
            parent(10, "java", 2, None),
        ],
        vec![],
    ));
    assert_eq!(selected(&model), Some(40));
}

#[test]
fn a_selection_follows_its_process() {
    let mut model = model(busy());
    model.act(Action::Down);
    assert_eq!(selected(&model), Some(20));
    let mut rows = busy();
    rows.items[0]
        .parents
        .push(parent(40, "leaky", 9, Some(99.0)));
    model.apply(rows);
    assert_eq!((selected(&model), model.list().at), (Some(20), 2));
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut model = model(busy());
    model.act(Action::Down);
    model.act(Action::Open);
    let mut reused = parent(20, "nginx", 5, None);
    reused.process.start_time = Some(sample::at("2026-11-22T03:00:00Z"));
    model.apply(frame(vec![reused, parent(30, "sh", 0, None)], vec![]));
    let Some(Overlay::Detail(_, who)) = &model.overlay else {
        panic!("closed")
    };
    assert_ne!(*who, Identity::of(&model.frame.items[0].parents[0].process));
}

#[test]
fn the_cursor_stays_in_place_when_its_row_disappears() {
    let mut model = model(busy());
    model.act(Action::Last);
    assert_eq!(selected(&model), Some(30));
    model.apply(frame(
        vec![parent(10, "java", 2, None), parent(20, "nginx", 1, None)],
        vec![],
    ));
    assert_eq!(selected(&model), Some(20));
    model.apply(frame(vec![], vec![]));
    assert_eq!(selected(&model), None);
    model.act(Action::Open);
    assert_eq!(model.overlay, None);
}

#[test]
fn filters_hide_rows_of_both_views() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "oldest>2s and parent~nginx");
    assert_eq!(shown(&model), [20]);
    model.act(Action::OtherView);
    assert_eq!(shown(&model), [103]);
    model.act(Action::Filter);
    type_line(&mut model, "");
    assert_eq!(shown(&model).len(), 4);
}

#[test]
fn a_wrong_filter_is_reported_and_can_be_edited() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "color=red");
    assert!(
        model
            .message
            .as_ref()
            .is_some_and(|words| words.contains("`color`"))
    );
    assert!(model.typing(), "the line is still there to fix");
    assert_eq!(shown(&model).len(), 3);
}

#[test]
fn searches_wrap_around() {
    let mut model = model(busy());
    model.act(Action::OtherView);
    model.act(Action::Search);
    type_line(&mut model, "CGI");
    assert_eq!(selected(&model), Some(103));
    model.act(Action::SearchNext);
    assert_eq!(selected(&model), Some(104));
    model.act(Action::SearchNext);
    assert_eq!(selected(&model), Some(103));
    model.act(Action::SearchPrevious);
    assert_eq!(selected(&model), Some(104));
    model.act(Action::Search);
    type_line(&mut model, "102");
    assert_eq!(selected(&model), Some(102));
    model.act(Action::Search);
    type_line(&mut model, "nobody");
    assert!(model.message.is_some());
}

#[test]
fn q_closes_before_it_quits() {
    let mut model = model(busy());
    model.act(Action::Help);
    assert_eq!(model.act(Action::CloseOrQuit), None);
    assert_eq!(model.act(Action::CloseOrQuit), Some(Effect::Quit));
}

#[test]
fn copies_the_selected_pid() {
    let mut model = model(busy());
    assert_eq!(model.act(Action::Copy), Some(Effect::Copy("10".into())));
}

#[test]
fn intervals_stay_within_their_steps() {
    let mut model = model(busy());
    model.interval = Duration::from_millis(1500);
    model.act(Action::Slower);
    assert_eq!(model.interval, Duration::from_secs(2));
    for _ in 0..20 {
        model.act(Action::Faster);
    }
    assert_eq!(model.interval, Duration::from_millis(100));
}

#[test]
fn rates_restart_when_another_agent_answers() {
    let mut model = model(busy());
    let mut next = busy();
    next.items[0].summary.uptime_seconds.0 += 2.0;
    next.items[0].summary.exits_total += 50;
    model.apply(next);
    assert_eq!(model.rates, [25.0]);
    let mut restarted = busy();
    restarted.items[0].summary.uptime_seconds.0 = 1.0;
    model.apply(restarted);
    assert!(model.rates.is_empty());
}

#[test]
fn a_failure_keeps_the_last_frame_until_the_next() {
    let mut model = model(busy());
    model.fail("no answer".into(), Duration::from_secs(12));
    assert_eq!(shown(&model).len(), 3);
    model.apply(busy());
    assert_eq!(model.failure, None);
}

#[test]
fn thousands_of_zombies_are_handled() {
    let java = parent(1, "java", 30_000, Some(1.0));
    let zombies = (0..30_000)
        .map(|i| zombie(100 + i, "sh", f64::from(i), &java))
        .collect();
    let mut model = model(frame(vec![java], zombies));
    model.act(Action::OtherView);
    model.act(Action::Last);
    assert_eq!(selected(&model), Some(100));
}
