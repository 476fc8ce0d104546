//! `reapwatch top`: live view of parents and zombies.

use std::io::IsTerminal;
use std::time::Duration;

use crate::cli::{TopArgs, filter_for, misused};
use crate::client::Source;
use crate::fleet::Prometheus;

use super::{Look, Outcome};

mod act;
mod batch;
mod draw;
mod fleet;
mod frame;
mod header;
mod host;
mod keys;
mod model;
mod overlay;
mod player;
#[cfg(test)]
mod sample;
mod screen;
#[cfg(test)]
mod screens;
mod settings;
mod style;
mod view;

use frame::{Feed, Frame, Wanted};
use player::Player;
use settings::Settings;

/// Shows frames on a screen, or prints them.
pub async fn run(args: &TopArgs, look: Look) -> anyhow::Result<Outcome> {
    if args.fleet.prometheus.is_some() {
        let start = Start::of::<<Prometheus as Feed>::Frame>(args, look);
        let prometheus = Prometheus::named(&args.fleet, &args.from.agent)?;
        return show(start, prometheus.expect("one was given")).await;
    }
    let start = Start::of::<<Source as Feed>::Frame>(args, look);
    let source = Source::connect(&args.from).await?;
    show(start, source).await
}

/// What was given on the command line, checked before anybody is asked.
struct Start<'a> {
    args: &'a TopArgs,
    look: Look,
    /// Place of the view.
    place: usize,
    filter: Option<::model::filter::Filter>,
    /// Column by which the view is sorted.
    sort: Option<String>,
}

impl<'a> Start<'a> {
    /// A view, column or field that these frames do not have is a usage error.
    fn of<F: Frame>(args: &'a TopArgs, look: Look) -> Self {
        let place = args
            .view
            .map_or(Some(0), |view| frame::place_of::<F>(&view.to_string()));
        let titles = F::VIEWS.iter().map(|view| view.title().to_lowercase());
        let place = place.unwrap_or_else(|| {
            let known = titles.collect::<Vec<_>>().join(", ");
            let wanted = args.view.map(|view| view.to_string()).unwrap_or_default();
            misused(
                "top",
                format_args!("--view: `{wanted}` is not a view here; known: {known}"),
            )
        });
        let view = F::VIEWS[place];
        let sort = args.sort.as_ref().map(|sort| {
            let column = sort.replace('_', " ");
            let Some(column) = model::column_named(view, &column) else {
                let heads = view.layouts().into_iter().map(|it| it.head.to_lowercase());
                let known = heads.collect::<Vec<_>>().join(", ");
                misused(
                    "top",
                    format_args!("--sort: `{sort}` is not a column; known: {known}"),
                )
            };
            view.layouts()[column].head.to_lowercase()
        });
        // An empty one shows all rows, whatever is remembered.
        let filter = args.filter.as_deref();
        let filter = filter.filter(|text| !text.trim().is_empty());
        Self {
            args,
            look,
            place,
            filter: filter_for("top", filter, F::FIELDS),
            sort,
        }
    }

    /// Of a recording: the moment that was asked for, or else this one.
    fn player(&self, source: &impl Feed, usual: Duration) -> anyhow::Result<Option<Player>> {
        let Some(recorded) = source.recorded() else {
            return Ok(None);
        };
        let asked = self.args.from.agent.replay.as_ref().and_then(|it| it.at);
        let at = asked.map(|at| at.in_recording(recorded.began, recorded.length));
        let at = at.transpose().map_err(anyhow::Error::msg)?;
        Ok(Some(Player::new(recorded, at.unwrap_or(usual))))
    }

    /// What the first frame must have.
    fn wanted<F: Frame>(&self, player: Option<&Player>) -> Wanted {
        Wanted {
            view: F::VIEWS[self.place].title(),
            who: None,
            at: player.map(Player::at),
            all: self.filter.is_some(),
            filter: self.filter.as_ref().map(|it| it.text().to_owned()),
            sort: None,
        }
    }

    /// Settings, as far as the command line does not override them.
    fn settings<F: Frame>(&self, mut settings: Settings) -> Settings {
        settings.interval = self.args.delay.unwrap_or(settings.interval);
        settings.idle |= self.args.idle;
        if self.args.filter.is_some() {
            let filter = self.filter.iter();
            let filter = filter.map(|it| (F::NAME.to_owned(), it.text().to_owned()));
            settings.filters = filter.collect();
        }
        if let Some(by) = &self.sort {
            let sort = settings::Sort {
                by: by.clone(),
                reverse: false,
            };
            let view = F::VIEWS[self.place].title().to_lowercase();
            settings.sorts.insert(view, sort);
        }
        settings
    }
}

async fn show<S: Feed>(start: Start<'_>, source: S) -> anyhow::Result<Outcome> {
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let args = start.args;
    if args.batch && !args.json {
        batch::run(&start, args.iterations, &source).await
    } else if args.json || !terminal {
        batch::run(&start, args.iterations.or(Some(1)), &source).await
    } else {
        screen::run(&start, source).await
    }
}
