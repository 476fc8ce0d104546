//! `reapwatch replay`: a view of a recording.

use crate::cli::{self, ExitsArgs, Recording, ReplayArgs, ReplayView};
use crate::client;

use super::output::print;
use super::{Look, Outcome, culprits, exits, explain, stuck, top, zombies};

/// Runs the given view.
pub async fn run(args: ReplayArgs, look: Look) -> anyhow::Result<Outcome> {
    let recording = Recording {
        file: args.file,
        at: args.at,
    };
    match args.view {
        None => {
            let mut args = cli::defaults::<ExitsArgs>();
            args.from.agent.replay = Some(recording);
            exits::run(&args, look).await
        }
        Some(ReplayView::Exits(mut args)) => {
            args.from.agent.replay = Some(recording);
            exits::run(&args, look).await
        }
        Some(ReplayView::Zombies(mut args)) => {
            args.from.agent.replay = Some(recording);
            zombies::run(&args, look).await
        }
        Some(ReplayView::Culprits(mut args)) => {
            args.from.agent.replay = Some(recording);
            culprits::run(&args, look).await
        }
        Some(ReplayView::Explain(mut args)) => {
            args.from.agent.replay = Some(recording);
            explain::run(&args, look).await
        }
        Some(ReplayView::Stuck(mut args)) => {
            args.from.agent.replay = Some(recording);
            stuck::run(&args, look).await
        }
        Some(ReplayView::Metrics) => {
            let page = client::recorded(&recording)?.metrics();
            print(&page.text())?;
            Ok(Outcome::Fine)
        }
        Some(ReplayView::Top(mut args)) => {
            args.from.agent.replay = Some(recording);
            top::run(&args, look).await
        }
    }
}
