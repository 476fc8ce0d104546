//! How keys and frames change the model.

use std::time::Duration;

use crate::views::top::act::Effect;
use crate::views::top::frame::{Frame as _, Recorded};
use crate::views::top::host::Host;
use crate::views::top::keys::Action;
use crate::views::top::player::{Move, Player};
use crate::views::top::sample::{self, Model, busy, frame, host, model, parent, workload, zombie};
use crate::views::top::settings::Settings;

use super::Overlay;
use ::model::filter::{Field, Filter};

pub fn shown(model: &Model) -> Vec<u32> {
    let rows = model.list().order.iter();
    let pids = rows.filter_map(|&row| model.view().identity(&model.frame, row).pid());
    pids.collect()
}

fn selected(model: &Model) -> Option<u32> {
    model.selected().and_then(|who| who.pid())
}

fn sort_of(model: &Model) -> &'static str {
    model.view().layouts()[model.list().sort].head
}

/// With all rows.
fn all() -> Model {
    let mut model = model(busy());
    model.act(Action::Idle);
    model
}

pub fn type_line(model: &mut Model, text: &str) {
    model.act(Action::EraseAll);
    for c in text.chars() {
        model.act(Action::Type(c));
    }
    model.act(Action::Accept);
}

#[test]
fn culprits_are_worst_first_and_ties_go_to_the_oldest() {
    assert_eq!(shown(&all()), [10, 20, 30]);
}

#[test]
fn parents_without_zombies_are_hidden_until_asked_for() {
    let mut model = model(busy());
    assert_eq!((shown(&model), model.list().idle), (vec![10, 20], 1));
    model.act(Action::Idle);
    assert_eq!((shown(&model), model.list().idle), (vec![10, 20, 30], 0));
}

#[test]
fn views_come_one_after_the_other() {
    let mut model = model(busy());
    let titles: Vec<_> = (0..5)
        .map(|_| {
            let title = model.view().title();
            assert_eq!(model.act(Action::NextView), Some(Effect::Refresh));
            title
        })
        .collect();
    assert_eq!(
        titles,
        ["Culprits", "Zombies", "Workloads", "Stuck", "Agent"]
    );
    assert_eq!(model.view().title(), "Culprits");
    model.act(Action::PreviousView);
    assert_eq!(model.view().title(), "Agent");
    assert_eq!(model.act(Action::Show(7)), None, "there is no such view");
}

#[test]
fn workloads_with_zombies_come_first() {
    let mut rows = busy();
    rows.items[0].workloads = vec![workload("b.service", 0), workload("a.service", 4)];
    let mut model = model(rows);
    model.act(Action::Show(2));
    assert_eq!(
        (model.list().order.clone(), model.list().idle),
        (vec![1], 1)
    );
    model.act(Action::Idle);
    assert_eq!(model.list().order, [1, 0]);
    assert_eq!(
        model.act(Action::Copy),
        Some(Effect::Copy("a.service".into()))
    );
}

#[test]
fn a_guess_about_a_workload_is_marked() {
    let mut rows = busy();
    rows.items[0].workloads = vec![api::WorkloadRow {
        verdict: Some("never_waits".into()),
        confidence: Some(api::Confidence::Guess.into()),
        ..workload("web.service", 2)
    }];
    let mut model = model(rows);
    model.act(Action::Show(2));
    let why = super::column_named(model.view(), "WHY").expect("a column");
    let cell = model.view().cell(&model.frame, why, 0, model.look);
    assert_eq!(cell, "never_waits?");
}

#[test]
fn rows_of_a_workload_stand_together_on_request() {
    let mut rows = busy();
    let of = |unit: &str| workload(unit, 1).container;
    let parents = &mut rows.items[0].parents;
    parents.push(parent(40, "php", 9, Some(1.0)));
    // Worst first: 40, 10, 20, 30.
    (parents[0].container, parents[1].container) = (of("a"), of("b"));
    (parents[2].container, parents[3].container) = (of("a"), of("b"));
    let mut model = model(rows);
    model.act(Action::Idle);
    assert_eq!(shown(&model), [40, 10, 20, 30]);
    model.act(Action::Group);
    assert_eq!(shown(&model), [40, 20, 10, 30]);
    model.act(Action::Group);
    assert_eq!(shown(&model), [40, 10, 20, 30]);
}

#[test]
fn zombies_are_oldest_first() {
    let mut model = model(busy());
    model.act(Action::NextView);
    assert_eq!(shown(&model), [101, 103, 102, 104]);
}

#[test]
fn a_sort_column_is_picked_and_reversed() {
    let mut model = all();
    model.act(Action::Sort);
    assert_eq!(sort_of(&model), "ZOMBIES", "it is not taken yet");
    for _ in 0..3 {
        model.act(Action::Down);
    }
    model.act(Action::Open);
    assert_eq!((sort_of(&model), &model.overlay), ("REAPS/s", &None));
    assert_eq!(shown(&model), [30, 20, 10]);
    model.act(Action::Reverse);
    assert_eq!(shown(&model), [10, 20, 30]);
    model.act(Action::Sort);
    model.act(Action::Back);
    assert_eq!(sort_of(&model), "REAPS/s");
}

#[test]
fn unknown_values_come_last_in_either_order() {
    let mut model = all();
    model.act(Action::Sort);
    model.act(Action::Down);
    model.act(Action::Open);
    assert_eq!(
        (sort_of(&model), shown(&model)),
        ("OLDEST", vec![10, 20, 30])
    );
    model.act(Action::Reverse);
    assert_eq!(shown(&model), [20, 10, 30]);
}

#[test]
fn what_was_chosen_is_remembered_and_nothing_else() {
    let mut model = model(busy());
    assert_eq!(model.settings(), Settings::default());
    model.act(Action::Reverse);
    model.act(Action::Idle);
    let settings = model.settings();
    assert!(settings.idle && settings.sorts["culprits"].reverse);
    let again = Model::new(sample::LOOK, "x".into(), 0, &settings, host(busy()));
    assert_eq!(shown(&again), shown(&model));
}

#[test]
fn a_filter_is_remembered_until_it_is_cleared() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "zombies>=2 and comm=java");
    let settings = model.settings();
    assert_eq!(settings.filters["host"], "zombies>=2 and comm=java");
    let mut again = Model::new(sample::LOOK, "x".into(), 0, &settings, host(busy()));
    assert_eq!((shown(&again), again.list().filtered), (vec![10], 2));
    again.act(Action::Back);
    assert_eq!(shown(&again), [10, 20]);
    assert_eq!(again.settings(), Settings::default());
    let wrong = Settings {
        filters: [("host".to_owned(), "colour=red".to_owned())].into(),
        ..Settings::default()
    };
    let model = Model::new(sample::LOOK, "x".into(), 0, &wrong, host(busy()));
    assert_eq!(shown(&model), [10, 20]);
}

#[test]
fn time_moves_only_in_a_recording_that_plays() {
    let mut model = model(busy());
    assert_eq!(model.act(Action::Move(Move::Step)), None);
    assert!(model.message.take().is_some(), "it is not a recording");
    let recorded = Recorded {
        began: sample::at("2026-11-22T03:11:00Z"),
        length: Duration::from_secs(60),
    };
    model.player = Some(Player::new(recorded, Duration::ZERO));
    let at = |model: &Model| model.wanted().at.expect("a recording").as_secs();
    model.pass(Duration::from_secs(3));
    assert_eq!((at(&model), model.paused), (3, false));
    assert_eq!(
        model.act(Action::Move(Move::StepBack)),
        Some(Effect::Refresh)
    );
    model.pass(Duration::from_secs(3));
    assert_eq!((at(&model), model.paused), (2, true));
    assert!(!model.is_frozen(), "another moment is another frame");
    model.act(Action::GoTo);
    type_line(&mut model, "2h");
    assert!(model.typing() && model.message.is_some(), "it is too short");
    type_line(&mut model, "end");
    assert_eq!((at(&model), model.typing()), (60, false));
    model.act(Action::Pause);
    assert_eq!((at(&model), model.paused), (0, false), "it plays again");
}

#[test]
fn an_untouched_selection_stays_on_the_first_row() {
    let mut model = model(busy());
    model.apply(host(frame(
        vec![
            parent(40, "leaky", 9, Some(99.0)),
            parent(10, "java", 2, None),
        ],
        vec![],
    )));
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
    model.apply(host(rows));
    assert_eq!((selected(&model), model.list().at), (Some(20), 2));
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut model = model(busy());
    model.act(Action::Down);
    let before = model.selected();
    let mut reused = parent(20, "nginx", 5, None);
    reused.process.start_time = Some(sample::at("2026-11-22T03:00:00Z"));
    model.apply(host(frame(vec![reused], vec![])));
    assert_eq!(selected(&model), Some(20));
    assert_ne!(model.selected(), before);
}

#[test]
fn the_cursor_stays_in_place_when_its_row_disappears() {
    let mut model = all();
    model.act(Action::Last);
    assert_eq!(selected(&model), Some(30));
    let rows = vec![parent(10, "java", 2, None), parent(20, "nginx", 1, None)];
    model.apply(host(frame(rows, vec![])));
    assert_eq!(selected(&model), Some(20));
    model.apply(host(frame(vec![], vec![])));
    assert_eq!(selected(&model), None);
    model.act(Action::Open);
    assert_eq!(model.overlay, None);
}

#[test]
fn details_are_asked_for_while_they_are_on_the_screen() {
    let mut model = model(busy());
    assert_eq!(model.wanted().who, None);
    assert_eq!(model.act(Action::Open), Some(Effect::Refresh));
    assert_eq!(model.wanted().who.and_then(|who| who.pid()), Some(10));
    assert!(matches!(model.overlay, Some(Overlay::Detail(_))));
    model.act(Action::Back);
    assert_eq!(model.wanted().who, None);
    model.act(Action::Tree);
    assert_eq!(
        model.wanted().who.and_then(|who| who.pid()),
        Some(10),
        "for its ancestors"
    );
}

#[test]
fn the_agent_is_asked_to_filter_and_to_sort() {
    let mut model = model(busy());
    assert_eq!((model.wanted().filter, model.wanted().sort), (None, None));
    model.filter = Filter::parse("comm=java", Host::FIELDS).ok();
    let heads = model.view().layouts();
    let place = heads.iter().position(|it| it.head == "OLDEST");
    model.list_mut().sort = place.expect("a column");
    let wanted = model.wanted();
    assert_eq!(wanted.filter.as_deref(), Some("comm=java"));
    assert_eq!(wanted.sort, Some(Field::Age));
    model.list_mut().reverse = true;
    assert_eq!(model.wanted().sort, None, "agents sort one way only");
}

#[test]
fn the_tab_of_stuck_exits_counts_those_that_ignore_a_signal() {
    let mut stuck = busy();
    let summary = &mut stuck.items[0].summary;
    (summary.stuck, summary.unheard) = (2, 1);
    let stuck = host(stuck);
    assert_eq!(stuck.figures().stuck, 2);
    let tab = Host::VIEWS.iter().find(|view| view.title() == "Stuck");
    assert_eq!(tab.expect("a view").count(&stuck), Some(3));
}

#[test]
fn escape_clears_search_and_filter() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "comm=nginx");
    model.act(Action::Search);
    type_line(&mut model, "ngi");
    model.act(Action::Help);
    model.act(Action::Back);
    assert!(model.filter.is_some(), "the first one closes the help");
    model.act(Action::Back);
    assert_eq!((&model.filter, model.search.as_str()), (&None, ""));
    assert_eq!(shown(&model), [10, 20]);
}

#[test]
fn filters_hide_rows_of_both_views() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "oldest>2s and parent~nginx");
    assert_eq!(shown(&model), [20]);
    model.act(Action::NextView);
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
    assert_eq!(shown(&model).len(), 2);
}

#[test]
fn searches_wrap_around() {
    let mut model = model(busy());
    model.act(Action::NextView);
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
    model.apply(host(next));
    assert_eq!(model.rates, [25.0]);
    let mut restarted = busy();
    restarted.items[0].summary.uptime_seconds.0 = 1.0;
    model.apply(host(restarted));
    assert!(model.rates.is_empty());
}

#[test]
fn a_failure_keeps_the_last_frame_until_the_next() {
    let mut model = model(busy());
    model.fail("no answer".into(), Duration::from_secs(12));
    assert_eq!(shown(&model).len(), 2);
    model.apply(host(busy()));
    assert_eq!(model.failure, None);
}

#[test]
fn thousands_of_zombies_are_handled() {
    let java = parent(1, "java", 30_000, Some(1.0));
    let zombies = (0..30_000)
        .map(|i| zombie(100 + i, "sh", f64::from(i), &java))
        .collect();
    let mut model = model(frame(vec![java], zombies));
    model.act(Action::NextView);
    model.act(Action::Last);
    assert_eq!(selected(&model), Some(100));
}

#[test]
fn a_saved_frame_is_the_document_of_the_agent() {
    let mut rows = busy();
    rows.items[0].parents[2].verdict = Some(sample::verdict());
    rows.items[0].workloads = vec![workload("a.service", 4)];
    let model = model(rows.clone());
    let saved = serde_json::to_value(model.frame.document(None)).expect("JSON");
    assert_eq!(saved, serde_json::to_value(&rows).expect("JSON"));
}
