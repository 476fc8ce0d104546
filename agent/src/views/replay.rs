//! `reapwatch replay`: a view of a recording.

use crate::cli::{self, ExitsArgs, ReplayArgs, ReplayView};

use super::{Look, Outcome, culprits, exits, explain, top, zombies};

/// Runs the given view.
pub async fn run(args: ReplayArgs, look: Look) -> anyhow::Result<Outcome> {
    let file = Some(args.file);
    match args.view {
        None => {
            let mut args = cli::defaults::<ExitsArgs>();
            args.from.agent.replay = file;
            exits::run(&args, look).await
        }
        Some(ReplayView::Exits(mut args)) => {
            args.from.agent.replay = file;
            exits::run(&args, look).await
        }
        Some(ReplayView::Zombies(mut args)) => {
            args.from.agent.replay = file;
            zombies::run(&args, look).await
        }
        Some(ReplayView::Culprits(mut args)) => {
            args.from.agent.replay = file;
            culprits::run(&args, look).await
        }
        Some(ReplayView::Explain(mut args)) => {
            args.from.agent.replay = file;
            explain::run(&args, look).await
        }
        Some(ReplayView::Top(mut args)) => {
            args.from.agent.replay = file;
            // All its frames are the same.
            args.iterations = args.iterations.or(args.batch.then_some(1));
            top::run(&args, look).await
        }
    }
}
