//! `reapwatch replay`: a view of a recording.

use crate::cli::{self, ExitsArgs, Recording, ReplayArgs, ReplayView};

use super::{Look, Outcome, culprits, exits, explain, top, zombies};

/// Runs the given view.
pub async fn run(args: ReplayArgs, look: Look) -> anyhow::Result<Outcome> {
    let replay = Some(Recording {
        file: args.file,
        at: args.at,
    });
    match args.view {
        None => {
            let mut args = cli::defaults::<ExitsArgs>();
            args.from.agent.replay = replay;
            exits::run(&args, look).await
        }
        Some(ReplayView::Exits(mut args)) => {
            args.from.agent.replay = replay;
            exits::run(&args, look).await
        }
        Some(ReplayView::Zombies(mut args)) => {
            args.from.agent.replay = replay;
            zombies::run(&args, look).await
        }
        Some(ReplayView::Culprits(mut args)) => {
            args.from.agent.replay = replay;
            culprits::run(&args, look).await
        }
        Some(ReplayView::Explain(mut args)) => {
            args.from.agent.replay = replay;
            explain::run(&args, look).await
        }
        Some(ReplayView::Top(mut args)) => {
            args.from.agent.replay = replay;
            top::run(&args, look).await
        }
    }
}
