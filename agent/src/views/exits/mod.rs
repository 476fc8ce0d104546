//! `reapwatch exits`: deaths as they finish, one line each.

mod totals;

use std::io::IsTerminal as _;

use anyhow::bail;

use crate::cli::{ExitsArgs, filter_for};
use crate::client::Source;
use crate::stderr::eprint_line;
use api::{Bound, ExitKind, ExitLine, FinishedExit, Steps};
use model::filter::{EXIT_FIELDS, Filter};

use super::column::{Column, Tone, fit, fitted};
use super::output::{Interrupt, Reader, deadline, print, width};
use super::table::{head, line};
use super::text::{count, time_of_day};
use super::{Look, Outcome, json};
use totals::Totals;

/// A step shorter than this is not shown.
const SLOW_STEP: f64 = 1e-3;
/// A phase longer than this stands out.
const SLOW: f64 = 1.0;

type Col = Column<FinishedExit>;

/// A stream cannot know its widest cell. These widths suit common values.
static COLUMNS: [Column<FinishedExit>; 13] = [
    Col::text("REAPED (UTC)", "when it was reaped", |it, _| {
        it.reaped_at.or(it.died_at).map(time_of_day)
    })
    .width(12, 12)
    .rank(3),
    Col::pid(|it| it.pid),
    Col::text("COMM", "name of the process", |it, look| {
        Some(look.clean(&it.comm))
    })
    .width(15, 15)
    .rank(1),
    Col::text("EXIT", "how it ended", |it, look| {
        it.exit.as_ref().map(|it| look.clean(&it.to_string()))
    })
    .width(8, 12)
    .rank(2)
    .tone(
        |it| match it.exit.as_ref().and_then(|exit| exit.kind.known()) {
            Some(ExitKind::Dumped) => Tone::Bad,
            Some(ExitKind::Killed) => Tone::Warn,
            _ => Tone::Plain,
        },
    ),
    Col::span("DYING", "time from its fatal signal to its death", |it| {
        Some((it.kill_seconds?, Bound::Exact))
    })
    .width(7, 7)
    .rank(7)
    .tone(|it| slow(it.kill_seconds)),
    Col::span("EXITING", "how long its exit took", |it| {
        Some((it.exit_seconds?, Bound::Exact))
    })
    .width(7, 7)
    .rank(5)
    .tone(|it| slow(it.exit_seconds)),
    Col::span("ZOMBIE", "how long it was a zombie", |it| {
        Some((
            it.zombie_seconds?,
            Bound::upper(it.zombie_seconds_is_upper_bound),
        ))
    })
    .width(7, 7)
    .rank(4)
    .tone(|it| slow(it.zombie_seconds)),
    Col::text("HOW", "how it was released", |it, look| {
        Some(look.clean(it.how.as_str()))
    })
    .width(8, 8)
    .rank(8),
    Col::text("PARENT", "process that had to reap it", |it, look| {
        it.parent.as_ref().map(|it| look.process(Some(it)))
    })
    .width(18, 23)
    .rank(6),
    Col::text("REAPER", "process that reaped it", reaper)
        .width(8, 23)
        .rank(9),
    Col::text("KILLER", "process that killed it", |it, look| {
        it.killer.as_ref().map(|it| look.killer(Some(it)))
    })
    .width(6, 23)
    .rank(10),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belonged to",
        |it, look| look.workload_of(it.container.as_ref()),
    )
    .width(8, 44)
    .rank(11)
    .cut_front(),
    Col::text(
        "SLOWEST STEP",
        "step that took most of its exit",
        slowest_step,
    )
    .width(12, 30)
    .rank(12),
];
/// Columns without --steps.
const WITHOUT_STEPS: usize = COLUMNS.len() - 1;

fn slow(span: Option<api::Seconds>) -> Tone {
    match span {
        Some(span) if span > SLOW => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// Follows until a limit is reached, stdout is closed, Ctrl-C is pressed, or the agent ends.
pub async fn run(args: &ExitsArgs, look: Look) -> anyhow::Result<Outcome> {
    let filter = filter_for("exits", args.filter.as_deref(), &EXIT_FIELDS);
    let source = Source::connect(&args.from).await?;
    let mut exits = source.exits().await?;
    let mut interrupt = Interrupt::catch()?;
    let mut totals = Totals::default();
    let end = deadline(args.duration);
    tokio::pin!(end);
    let lines = Lines::new(args, look);
    if print(&lines.heads())? == Reader::Gone {
        return Ok(Outcome::Fine);
    }
    while args.count.is_none_or(|count| totals.deaths() < count) {
        let exit = tokio::select! {
            // Time first: a busy stream must not delay the end.
            biased;
            () = &mut end => break,
            () = interrupt.pressed() => break,
            exit = exits.next() => exit?,
        };
        let Some(exit) = exit else {
            if source.ends() {
                break;
            }
            bail!("the {} closed the stream", source.label())
        };
        if matches!(&exit, ExitLine::Exit(death) if !is_wanted(death, filter.as_ref(), args)) {
            continue;
        }
        totals.add(&exit);
        let reader = if args.json {
            json::line(&exit)?
        } else {
            print(&lines.of(&exit))?
        };
        if reader == Reader::Gone {
            return Ok(Outcome::Fine);
        }
    }
    if args.by_workload {
        print(&totals.table(look))?;
    }
    if !args.json {
        eprint_line(format_args!("{}", totals.line(look)));
    }
    Ok(Outcome::Fine)
}

fn is_wanted(death: &FinishedExit, filter: Option<&Filter>, args: &ExitsArgs) -> bool {
    let is_slow = |slow: std::time::Duration| {
        let phases = [death.kill_seconds, death.exit_seconds, death.zombie_seconds];
        phases
            .into_iter()
            .flatten()
            .any(|it| it.0 >= slow.as_secs_f64())
    };
    args.slow.is_none_or(is_slow) && filter.is_none_or(|it| it.matches(&death.into()))
}

/// How deaths are printed.
struct Lines {
    look: Look,
    /// Columns and their widths.
    columns: Vec<(usize, usize)>,
    /// Whether longer cells are cut, so that a line fits the terminal.
    cuts: bool,
    /// Whether nothing is printed until the end, or all of it elsewhere.
    silent: bool,
}

impl Lines {
    fn new(args: &ExitsArgs, look: Look) -> Self {
        let number = if args.from.probes.steps {
            COLUMNS.len()
        } else {
            WITHOUT_STEPS
        };
        let layouts: Vec<_> = COLUMNS[..number].iter().map(|it| &it.layout).collect();
        let cuts = std::io::stdout().is_terminal();
        let least = || layouts.iter().map(|layout| layout.width[0]);
        Self {
            look,
            columns: if cuts {
                // What comes is not known yet.
                fit(&layouts, &vec![usize::MAX; layouts.len()], width())
            } else {
                least().enumerate().collect()
            },
            cuts,
            silent: args.json || args.by_workload,
        }
    }

    fn heads(&self) -> String {
        if self.silent {
            return String::new();
        }
        let heads = self.columns.iter().map(|(column, _)| {
            let head = COLUMNS[*column].layout.head;
            (head.to_owned(), Tone::Plain)
        });
        let plain = Look {
            color: false,
            ..self.look
        };
        head(&self.line(heads, plain), self.look)
    }

    fn of(&self, exit: &ExitLine) -> String {
        match exit {
            ExitLine::Lost { lost } => {
                let deaths = count(*lost, "death");
                format!("# {deaths} missing here: this reader was too slow\n")
            }
            ExitLine::Exit(_) if self.silent => String::new(),
            ExitLine::Exit(exit) => {
                let cells = self.columns.iter().map(|&(column, width)| {
                    let column = &COLUMNS[column];
                    let cell = column.cell(exit, self.look);
                    let cell = if self.cuts {
                        let cell = fitted(&cell, width, &column.layout, self.look);
                        cell.trim().to_owned()
                    } else {
                        cell
                    };
                    (cell, column.tone_of(exit))
                });
                self.line(cells, self.look) + "\n"
            }
        }
    }

    fn line(&self, cells: impl Iterator<Item = (String, Tone)>, look: Look) -> String {
        let cells: Vec<_> = cells.collect();
        let sides = self.columns.iter().map(|it| COLUMNS[it.0].layout.side);
        let widths: Vec<_> = self.columns.iter().map(|it| it.1).collect();
        let cells = cells.iter().map(|(cell, tone)| (cell.as_str(), *tone));
        line(cells, &sides.collect::<Vec<_>>(), &widths, look)
    }
}

/// The reaper, or `parent` if it was the parent, as usual.
fn reaper(exit: &FinishedExit, look: Look) -> Option<String> {
    let reaper = &exit.reaper.as_ref()?.process;
    Some(match exit.parent.as_ref() {
        Some(parent) if reaper.pid == parent.pid => "parent".to_owned(),
        _ => look.process(Some(reaper)),
    })
}

/// The step that took most of a slow exit.
fn slowest_step(exit: &FinishedExit, look: Look) -> Option<String> {
    let steps = exit.steps.iter().flat_map(Steps::each);
    let known = steps.filter_map(|(name, seconds)| Some((name, seconds?)));
    let (name, seconds) = known.max_by(|one, other| one.1.0.total_cmp(&other.1.0))?;
    let name = <&str>::from(name).replace('_', " ");
    (seconds >= SLOW_STEP).then(|| format!("{name} {}", look.duration(seconds)))
}
