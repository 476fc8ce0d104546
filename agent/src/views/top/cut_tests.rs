//! Frames that lack rows: the agent filters, and what is missing is counted.

use std::time::Duration;

use crate::views::top::act::Effect;
use crate::views::top::frame::Frame as _;
use crate::views::top::host::Host;
use crate::views::top::keys::Action;
use crate::views::top::sample::{busy, frame, host, model, parent, verdict, zombie};

use super::column_named;
use super::tests::{shown, type_line};

/// A frame that lacks two of its parents, and one zombie.
fn cut() -> api::Document<api::Top> {
    let mut cut = busy();
    cut.items[0].parents_total = 5;
    cut.items[0].summary.zombies = 5;
    cut
}

/// What the agent has that passes a filter, beyond the frame.
fn chosen() -> api::Document<api::Top> {
    let late = parent(40, "late", 1, Some(0.5));
    let mut chosen = frame(vec![late.clone()], vec![zombie(105, "late", 0.5, &late)]);
    chosen.items[0].parents_total = 1;
    chosen.items[0].zombies_total = 1;
    chosen
}

#[test]
fn the_agent_filters_if_a_frame_lacks_rows() {
    let mut model = model(busy());
    model.act(Action::Filter);
    type_line(&mut model, "comm=late");
    assert_eq!(model.frame.choice(&model.wanted()), None, "all are there");
    model.apply(host(cut()));
    assert_eq!(shown(&model), [0; 0]);
    let asked = model.frame.choice(&model.wanted()).expect("a question");
    assert_eq!(asked.0.filter.as_deref(), Some("comm=late"));
    let mut answered = host(cut());
    answered.choose(chosen());
    model.apply(answered);
    assert_eq!(shown(&model), [40]);
    let missing = model.view().missing(&model.frame);
    assert_eq!((missing.filtered, missing.cut), (4, 0));
    model.act(Action::Back);
    assert_eq!(shown(&model), [10, 20], "the frame's own again");
    assert_eq!(model.view().missing(&model.frame).cut, 2);
}

#[test]
fn a_chosen_zombie_has_its_verdict_although_the_frame_lacks_its_parent() {
    let mut chosen = chosen();
    let late = chosen.items[0].zombies[0].clone();
    let zombies = &mut chosen.items[0].zombies;
    zombies.push(api::Zombie { pid: 106, ..late });
    zombies[0].verdict = Some(api::Shared::new(verdict()));
    let mut answered = host(cut());
    answered.choose(chosen);
    let mut model = model(cut());
    model.act(Action::Filter);
    type_line(&mut model, "comm=late");
    model.act(Action::Show(1));
    model.apply(answered);
    let why = column_named(model.view(), "WHY").expect("a column");
    let why = [0, 1].map(|row| model.view().cell(&model.frame, why, row, model.look));
    assert_eq!(why, ["never_waits", "never_waits"]);
}

#[test]
fn tabs_count_what_a_frame_lacks() {
    let mut rows = cut();
    let counts = |rows: &api::Document<api::Top>| {
        let model = model(rows.clone());
        [0, 2].map(|place| Host::VIEWS[place].count(&model.frame))
    };
    assert_eq!(counts(&rows), [Some(2), Some(0)], "those that it has");
    rows.items[0].summary.culprits = Some(4);
    rows.items[0].summary.workloads = Some(3);
    assert_eq!(counts(&rows), [Some(4), Some(3)]);
}

#[test]
fn a_search_in_a_frame_that_lacks_rows_offers_a_filter() {
    let mut model = model(cut());
    model.act(Action::Search);
    type_line(&mut model, "late");
    assert!(model.typing(), "the filter can be edited");
    assert_eq!(model.act(Action::Accept), Some(Effect::Refresh));
    let mut answered = host(cut());
    answered.choose(chosen());
    model.apply(answered);
    assert_eq!(shown(&model), [40]);
    assert!(model.filter.is_some());
}

#[test]
fn rows_that_are_looked_up_while_updates_are_paused_are_shown() {
    let mut model = model(cut());
    model.act(Action::Pause);
    model.act(Action::Filter);
    type_line(&mut model, "comm=late");
    let mut later = host(busy());
    later.choose(chosen());
    model.fail("still waiting".to_owned(), Duration::from_secs(3));
    model.look_up(later);
    assert_eq!(model.failure, None);
    assert_eq!(shown(&model), [40]);
    assert_eq!(model.frame.figures().zombies, "5 zombies", "as it was");
}
