//! Frames as text, for pipes and logs, as `top -b` prints them.

use crate::api::{Document, Top};
use crate::cli::{TopArgs, TopView};
use crate::client::Source;
use crate::views::output::{Reader, print};
use crate::views::table::Table;
use crate::views::text::{count, rate};
use crate::views::zombies::{self, loss};
use crate::views::{Look, Outcome, json, pids};

use super::columns;
use super::model::Model;

/// Prints frames until there were enough or nobody reads.
pub async fn run(
    args: &TopArgs,
    frames: Option<u64>,
    source: &Source,
    look: Look,
) -> anyhow::Result<Outcome> {
    let mut model: Option<Model> = None;
    let mut printed = 0;
    let mut ticks = tokio::time::interval(args.delay);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while frames.is_none_or(|frames| printed < frames) {
        ticks.tick().await;
        let frame = source.top().await?;
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
                    args.view,
                    args.filter.clone(),
                    args.delay,
                    frame,
                )),
            };
            let gap = if printed > 0 { "\n" } else { "" };
            print(&format!("{gap}{}", text(model)))?
        };
        if reader == Reader::Gone {
            break;
        }
        printed += 1;
    }
    Ok(Outcome::Fine)
}

/// The frame without the rows that the filter hides; all else as the agent gave it.
fn filtered(args: &TopArgs, frame: Document<Top>) -> Document<Top> {
    if args.filter.is_none() {
        return frame;
    }
    let look = Look {
        color: false,
        ascii: true,
    };
    let filter = args.filter.clone();
    let model = Model::new(look, String::new(), args.view, filter, args.delay, frame);
    let keep = |view: TopView| {
        let mut order = model.list_of(view).order.clone();
        order.sort_unstable();
        order
    };
    let (parents, zombies) = (keep(TopView::Culprits), keep(TopView::Zombies));
    let top = Top {
        summary: model.top().summary.clone(),
        parents: parents
            .into_iter()
            .map(|i| model.top().parents[i].clone())
            .collect(),
        zombies: zombies
            .into_iter()
            .map(|i| model.top().zombies[i].clone())
            .collect(),
        pids: model.top().pids.clone(),
    };
    Document {
        items: vec![top],
        ..model.frame
    }
}

fn text(model: &Model) -> String {
    let (look, frame, summary) = (model.look, &model.frame, &model.top().summary);
    let exits = match model.rates.back() {
        Some(&per_second) => format!("{} exits/s", rate(per_second)),
        None => count(summary.exits_total, "exit"),
    };
    let mut text = format!(
        "{}  {}  {}  {}\n{}  {exits}  {} reaped  since {} ago\n",
        look.clean(&frame.at),
        look.clean(&frame.host),
        look.clean(&frame.kernel),
        look.clean(&frame.source),
        count(summary.zombies, "zombie"),
        summary.reaped_total,
        look.duration(summary.uptime_seconds),
    );
    if let Some(filter) = &model.filter {
        text.extend(["filter: ", &look.clean(filter.text()), "\n"]);
    }
    for full in model.top().pids.iter().filter(|it| pids::matters(it)) {
        text.extend([pids::line(full, look).as_str(), "\n"]);
    }
    if let Some(loss) = loss(frame.lost_events) {
        text.push_str(&loss);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&rows(model));
    text
}

fn rows(model: &Model) -> String {
    let order = &model.list().order;
    if order.is_empty() {
        return format!("{}\n", model.empty_words());
    }
    if model.view == TopView::Zombies {
        let zombies: Vec<_> = order.iter().map(|&i| &model.top().zombies[i]).collect();
        return zombies::table(zombies, model.look);
    }
    let columns = columns::of(model.view);
    let heads: Vec<_> = columns
        .iter()
        .map(|column| (column.head(), column.side()))
        .collect();
    let mut table = Table::new(&heads);
    for &i in order {
        let parent = &model.top().parents[i];
        table.row(
            columns
                .iter()
                .map(|column| column.of_culprit(parent, model.look))
                .collect(),
        );
    }
    table.render(model.look)
}
