//! Frames that lack rows: the agent filters, and what is missing is counted.

use crate::views::top::act::Effect;
use crate::views::top::keys::Action;
use crate::views::top::sample::{busy, frame, host, model, parent, zombie};

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
