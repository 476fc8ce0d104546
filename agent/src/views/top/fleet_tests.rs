//! The live view of a cluster.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::views::fleet::sample::{LOOK, busy};
use crate::views::top::act::Effect;
use crate::views::top::draw::draw;
use crate::views::top::keys::Action;

use super::*;
use crate::views::top::model::Model;

fn model() -> Model<FleetDocument<Fleet>> {
    let source = "Prometheus at x".to_owned();
    Model::new(
        LOOK,
        source,
        View::Nodes,
        None,
        Duration::from_secs(1),
        busy(),
    )
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
fn nodes_fit_80_columns() {
    assert_eq!(
        screen(&mut model(), 80, 8)[..7],
        [
            "reapwatch  3 nodes, 1 SILENT  scraped 2.0s to 14s ago  Prometheus at x",
            "9 zombies, 4 stale  1 STUCK  exits/s –   LOST 7 events: rows may be missing or …",
            "PIDs of worker-2: 90% in use",
            "[1 Nodes 3] 2 Workloads 3   every 1s",
            " NODE                AGENT   ZOMBIES  STALE▼   OLDEST   EXITS/s  WHY",
            ">worker-2            up            7       4     5m2s      1.25  never_waits 2,…",
            " worker-1            up            2       0        –         0  –",
        ]
    );
}

#[test]
fn workloads_are_the_second_table() {
    let mut model = model();
    model.act(Action::OtherView);
    let lines = screen(&mut model, 80, 10);
    assert_eq!(
        lines[4..8],
        [
            " WORKLOAD               NODE         STALE▼   GROWTH/h   OLDEST  WHY",
            ">shop/web-0/app         worker-2          4      +36.0     5m2s  never_waits 2,…",
            " not in a container     worker-1          0          –        –  –",
            " ~other                 worker-2          0          0        –  –",
        ]
    );
}

#[test]
fn a_node_without_data_is_a_row_of_dashes() {
    let mut model = model();
    let lines = screen(&mut model, 110, 10);
    let silent = lines.iter().find(|line| line.contains("worker-3"));
    let words: Vec<_> = silent.expect("a row").split_whitespace().collect();
    assert_eq!(
        words,
        [
            "worker-3", "DOWN", "–", "–", "–", "–", "–", "–", "–", "–", "5m"
        ]
    );
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
    model.act(Action::OtherView);
    assert_eq!(model.list().order, [0]);
    model.act(Action::Filter);
    model.act(Action::EraseAll);
    type_line(&mut model, "pid=1");
    let message = model.message.clone().unwrap_or_default();
    assert!(message.contains(" pid;"), "{message}");
}

#[test]
fn a_search_finds_and_y_copies_the_node() {
    let mut model = model();
    model.act(Action::OtherView);
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
        "why           never_waits 2, starved",
        "version       0.1.0",
        "Workloads with zombies\n ZOMBIES     STALE    OLDEST  WORKLOAD\n       7         4      5m2s  \
         shop/web-0/app\n",
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
    while model.list().sort != Column::Agent {
        model.act(Action::Sort);
    }
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
