//! Frames as text, for pipes and logs, as `top -b` prints them.

use std::time::Duration;

use crate::views::output::{Reader, print};
use crate::views::text::count;
use crate::views::{Outcome, json};

use super::Start;
use super::frame::{Feed, Frame};
use super::model::Model;
use super::player::Player;
use super::settings::Settings;

/// Prints frames until the limit is reached or stdout is closed. What the screen remembers does not
/// matter here: scripts get the same on each machine.
pub async fn run<S: Feed>(
    start: &Start<'_>,
    frames: Option<u64>,
    source: &S,
) -> anyhow::Result<Outcome> {
    let settings = start.settings::<S::Frame>(Settings::default());
    let mut model: Option<Model<S::Frame>> = None;
    let mut printed = 0;
    let mut ticks = tokio::time::interval(settings.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // All of a recording is there: it prints as fast as it can.
    let mut player = start.player(source, Duration::MAX)?;
    while frames.is_none_or(|frames| printed < frames) {
        if player.is_none() {
            ticks.tick().await;
        }
        let wanted = start.wanted::<S::Frame>(player.as_ref());
        let frame = source.frame(wanted).await?;
        let reader = if start.args.json {
            json::line(&frame.document(start.filter.as_ref()))?
        } else {
            let model = match &mut model {
                Some(model) => {
                    model.apply(frame);
                    model
                }
                none => none.insert(Model::new(
                    start.look,
                    source.label(),
                    start.place,
                    &settings,
                    frame,
                )),
            };
            let gap = if printed > 0 { "\n" } else { "" };
            let head = model.frame.head_text(&model.given());
            print(&format!("{gap}{head}\n{}", rows(model)))?
        };
        if reader == Reader::Gone || player.as_ref().is_some_and(Player::is_over) {
            break;
        }
        printed += 1;
        if let Some(player) = &mut player {
            player.pass(settings.interval);
        }
    }
    Ok(Outcome::Fine)
}

fn rows<F: Frame>(model: &Model<F>) -> String {
    let list = model.list();
    let rows = if list.order.is_empty() {
        format!("{}\n", model.empty_words())
    } else {
        model.view().text(&model.frame, &list.order, model.look)
    };
    match list.idle {
        0 => rows,
        idle => format!("{rows}{} hidden (--idle)\n", count(idle as u64, "idle row")),
    }
}
