//! Frames as text, for pipes and logs, as `top -b` prints them.

use crate::cli::TopArgs;
use crate::views::output::{Reader, print};
use crate::views::{Look, Outcome, json, table};

use super::frame::{Feed, TopFrame, View};
use super::model::Model;

/// Prints frames until the limit is reached or stdout is closed.
pub async fn run<S: Feed>(
    args: &TopArgs,
    view: View<S>,
    frames: Option<u64>,
    source: &S,
    look: Look,
) -> anyhow::Result<Outcome> {
    let mut model: Option<Model<S::Frame>> = None;
    let mut printed = 0;
    let mut ticks = tokio::time::interval(args.delay);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while frames.is_none_or(|frames| printed < frames) {
        ticks.tick().await;
        let frame = source.frame().await?;
        let reader = if args.json {
            json::line(&filtered(args, frame))?
        } else {
            let model = match &mut model {
                Some(model) => {
                    model.apply(frame);
                    model
                }
                none => none.insert(Model::new(
                    look,
                    source.label(),
                    view,
                    args.filter.clone(),
                    args.delay,
                    frame,
                )),
            };
            let gap = if printed > 0 { "\n" } else { "" };
            print(&format!(
                "{gap}{}\n{}",
                model.frame.head_text(&model.given()),
                rows(model)
            ))?
        };
        if reader == Reader::Gone {
            break;
        }
        printed += 1;
    }
    Ok(Outcome::Fine)
}

/// The frame without the rows that the filter hides.
fn filtered<F: TopFrame>(args: &TopArgs, frame: F) -> F {
    let Some(filter) = &args.filter else {
        return frame;
    };
    let rows = F::VIEWS.map(|(view, ..)| frame.passing(view, filter));
    frame.keep(rows)
}

fn rows<F: TopFrame>(model: &Model<F>) -> String {
    let (view, look, order) = (model.view, model.look, &model.list().order);
    if order.is_empty() {
        return format!("{}\n", model.empty_words());
    }
    if let Some(text) = model.frame.table_text(view, order, look) {
        return text;
    }
    let cell = |column, row| model.frame.cell(view, column, row, look);
    table::text(F::columns(view), order.iter().copied(), cell, look)
}
