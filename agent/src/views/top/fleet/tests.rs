//! The live view of a cluster.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::views::fleet::sample::{LOOK, busy};
use crate::views::snapshot;
use crate::views::top::act::Effect;
use crate::views::top::draw::draw;
use crate::views::top::keys::Action;

use super::*;
use crate::views::top::model::Model;
use crate::views::top::settings::Settings;

fn model() -> Model<FleetDocument<Fleet>> {
    let source = "Prometheus at x".to_owned();
    Model::new(LOOK, source, 0, &Settings::default(), busy())
}

fn screen(model: &mut Model<FleetDocument<Fleet>>, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| draw(frame, model)).expect("drawing");
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let cells: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        cells.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn type_line(model: &mut Model<FleetDocument<Fleet>>, text: &str) {
    for c in text.chars() {
        model.act(Action::Type(c));
    }
    model.act(Action::Accept);
}

#[test]
fn each_view_has_its_screen() {
    let mut model = model();
    for (place, name) in [(0, "nodes"), (1, "workloads")] {
        model.act(Action::Show(place));
        let text = screen(&mut model, 80, 10).join("\n") + "\n";
        snapshot::check("top", &format!("{name} of a cluster"), &text);
    }
}

#[test]
fn a_node_without_data_is_a_row_of_dashes() {
    let mut model = model();
    let lines = screen(&mut model, 110, 10);
    let silent = lines.iter().find(|line| line.contains("worker-3"));
    let words: Vec<_> = silent.expect("a row").split_whitespace().collect();
    let (known, rest) = words.split_at(10);
    let mut wanted = ["–"; 10];
    (wanted[0], wanted[1], wanted[9]) = ("worker-3", "DOWN", "5m");
    assert_eq!(known, wanted);
    assert!(rest.iter().all(|it| *it == "–"), "{words:?}");
}

#[test]
fn filters_accept_names_and_numbers_but_no_pids() {
    let mut model = model();
    model.act(Action::Filter);
    type_line(&mut model, "why~never and pids>80% and lost>=7");
    assert_eq!(model.list().order, [1]);
    model.act(Action::Filter);
    model.act(Action::EraseAll);
    type_line(&mut model, "ns=shop and growth>1");
    assert_eq!(model.list().order, [0usize; 0], "nodes have no namespace");
    model.act(Action::NextView);
    assert_eq!(model.list().order, [0]);
    model.act(Action::Filter);
    model.act(Action::EraseAll);
    type_line(&mut model, "pid=1");
    let message = model.message.clone().unwrap_or_default();
    assert!(message.contains("`pid`"), "{message}");
}

#[test]
fn a_search_finds_and_y_copies_the_node() {
    let mut model = model();
    model.act(Action::NextView);
    model.act(Action::Search);
    type_line(&mut model, "~OTH");
    assert_eq!(
        model.act(Action::Copy),
        Some(Effect::Copy("worker-2".into()))
    );
}

#[test]
fn node_details_list_workloads_and_the_command_for_more() {
    let mut model = model();
    model.act(Action::Open);
    let page = screen(&mut model, 80, 30).join("\n");
    for part in [
        "worker-2\n",
        "why         never_waits 2, starved",
        "version     0.1.0",
        "Workloads with zombies\n  WORKLOAD        NODE",
        "  shop/web-0/app  worker-2        7      4",
        "kubectl reapwatch --node worker-2 culprits",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
    let mut empty = busy();
    empty.items[0].nodes.clear();
    model.apply(empty);
    let page = screen(&mut model, 80, 30).join("\n");
    assert!(!page.contains("worker-2"), "{page}");
}

#[test]
fn sorting_by_agent_state_lists_unreachable_nodes_first() {
    let mut model = model();
    model.act(Action::Sort);
    model.act(Action::First);
    model.act(Action::Down);
    model.act(Action::Open);
    assert_eq!(model.list().order[0], 2);
}

#[test]
fn the_sparkline_grows_only_with_new_data() {
    let mut model = model();
    model.apply(busy());
    assert!(model.rates.is_empty());
    let mut later = busy();
    later.at.0 += Duration::from_secs(1);
    model.apply(later);
    assert_eq!(model.rates, [1.25]);
}
