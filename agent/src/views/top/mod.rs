//! `reapwatch top`: who keeps zombies, live.

use std::io::IsTerminal;

use crate::cli::TopArgs;
use crate::client::Source;

use super::{Look, Outcome};

mod act;
mod batch;
mod columns;
mod detail;
mod draw;
pub mod filter;
mod header;
mod keys;
mod model;
#[cfg(test)]
mod sample;
mod screen;

/// Shows frames on a screen, or prints them.
pub async fn run(args: &TopArgs, look: Look) -> anyhow::Result<Outcome> {
    let source = Source::connect(&args.from, &args.probes).await?;
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.json {
        batch::run(args, args.iterations.or(Some(1)), &source, look).await
    } else if args.batch {
        batch::run(args, args.iterations, &source, look).await
    } else if terminal {
        screen::run(args, source, look).await
    } else {
        batch::run(args, args.iterations.or(Some(1)), &source, look).await
    }
}
