//! `reapwatch exits`: deaths as they finish, one line each.

mod totals;

use std::io::IsTerminal as _;

use anyhow::bail;

use crate::cli::{ExitsArgs, filter_for};
use crate::client::Source;
use crate::stderr::eprint_line;
use api::{Bound, DoctorQuery, ExitKind, ExitLine, FinishedExit, Steps};
use model::filter::{EXIT_FIELDS, Filter};

use super::column::{Column, Tone};
use super::output::{Interrupt, Reader, deadline, print, width};
use super::table::Lines;
use super::text::{count, time_of_day};
use super::{Look, Outcome, json};
use totals::Totals;

/// A step shorter than this is not shown.
const SLOW_STEP: f64 = 1e-3;
/// A phase longer than this stands out.
const SLOW: f64 = 1.0;

/// More columns than any table has.
const UNLIMITED: usize = 10_000;

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
    .rank(9),
    Col::text("PARENT", "process that had to reap it", |it, look| {
        it.parent.as_ref().map(|it| look.process(Some(it)))
    })
    .width(18, 23)
    .rank(6),
    Col::text("REAPER", "process that reaped it", reaper)
        .width(8, 23)
        .rank(10),
    Col::text("KILLER", "process that killed it", |it, look| {
        it.killer.as_ref().map(|it| look.killer(Some(it)))
    })
    .width(6, 23)
    .rank(11),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belonged to",
        |it, look| look.workload_of(it.container.as_ref()),
    )
    .width(20, 44)
    .rank(8)
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
    let lost_before = lost_events(&source).await;
    let mut interrupt = Interrupt::catch()?;
    let mut totals = Totals::default();
    let end = deadline(args.duration);
    tokio::pin!(end);
    let lines = columns(args, look);
    let is_silent = args.json || args.by_workload;
    if !is_silent && print(&lines.head())? == Reader::Gone {
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
        let reader = match &exit {
            exit if args.json => json::line(exit)?,
            ExitLine::Lost { lost } => {
                let deaths = count(*lost, "death");
                print(&format!(
                    "# {deaths} missing here: this reader was too slow\n"
                ))?
            }
            ExitLine::Exit(_) if is_silent => Reader::There,
            ExitLine::Exit(exit) => print(&lines.of(exit))?,
        };
        if reader == Reader::Gone {
            return Ok(Outcome::Fine);
        }
    }
    if args.by_workload {
        let room = if std::io::stdout().is_terminal() {
            width()
        } else {
            UNLIMITED
        };
        print(&totals.table(look, room))?;
    }
    if !args.json {
        totals.unseen = lost_events(&source).await.saturating_sub(lost_before);
        eprint_line(format_args!("{}", totals.line(look)));
    }
    Ok(Outcome::Fine)
}

/// How many events the agent has lost so far; 0 if it does not answer.
async fn lost_events(source: &Source) -> u64 {
    let doctor = source.ask(DoctorQuery {}).await;
    let agent = doctor.ok().and_then(|reply| reply.answer.agent);
    let lost = agent.into_iter().flat_map(|it| it.lost);
    lost.map(|it| it.events).sum()
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

/// The columns, in a form that fits where they are printed.
fn columns(args: &ExitsArgs, look: Look) -> Lines<FinishedExit> {
    let number = if args.from.probes.steps {
        COLUMNS.len()
    } else {
        WITHOUT_STEPS
    };
    let columns = &COLUMNS[..number];
    if std::io::stdout().is_terminal() {
        // What comes is not known yet.
        Lines::fitting(columns, &[usize::MAX; COLUMNS.len()], width(), look)
    } else {
        Lines::whole(columns, look)
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
