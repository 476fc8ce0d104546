//! `reapwatch top`: live view of parents and zombies.

use std::io::IsTerminal;

use crate::cli::{TopArgs, misused};
use crate::client::Source;
use crate::fleet::Prometheus;

use super::{Look, Outcome};

mod act;
mod batch;
mod color;
mod detail;
mod draw;
mod fleet;
mod frame;
mod header;
mod host;
mod identity;
mod keys;
mod model;
#[cfg(test)]
mod sample;
mod screen;

use frame::{Feed, TopFrame, View};

/// Shows frames on a screen, or prints them.
pub async fn run(args: &TopArgs, look: Look) -> anyhow::Result<Outcome> {
    if let Some(prometheus) = Prometheus::named(&args.fleet)? {
        let view = view::<Prometheus>(args);
        return show(args, view, prometheus, look).await;
    }
    let view = view::<Source>(args);
    let source = Source::connect(&args.from).await?;
    show(args, view, source, look).await
}

/// The requested table; one that these frames do not have is a usage error.
fn view<S: Feed>(args: &TopArgs) -> View<S> {
    if let Some(Err(error)) = args
        .filter
        .as_ref()
        .map(|filter| filter.fits(S::Frame::FIELDS))
    {
        misused(format_args!(
            "invalid value for '--filter <FILTER>': {error}"
        ));
    }
    let Some(wanted) = args.view else {
        return S::Frame::VIEWS[0].0;
    };
    match S::Frame::VIEWS.iter().find(|(_, _, name)| *name == wanted) {
        Some((view, ..)) => *view,
        None => misused(format_args!(
            "invalid value for '--view <VIEW>': culprits and zombies are views of one host, nodes \
             and workloads those of --prometheus"
        )),
    }
}

async fn show<S: Feed>(
    args: &TopArgs,
    view: View<S>,
    source: S,
    look: Look,
) -> anyhow::Result<Outcome> {
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.json {
        batch::run(args, view, args.iterations.or(Some(1)), &source, look).await
    } else if args.batch {
        batch::run(args, view, args.iterations, &source, look).await
    } else if terminal {
        screen::run(args, view, source, look).await
    } else {
        batch::run(args, view, args.iterations.or(Some(1)), &source, look).await
    }
}
