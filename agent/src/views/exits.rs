//! `reapwatch exits`: deaths as they finish, one line each.

use anyhow::bail;

use crate::cli::ExitsArgs;
use crate::client::Source;
use api::{Bound, ExitLine, FinishedExit, Steps};

use super::output::{Reader, deadline, print};
use super::table::{Side, head, line};
use super::text::{count, time_of_day};
use super::{Look, Outcome, json};

/// A stream cannot know its widest cell. These widths suit common values; a longer cell shifts the
/// rest of its line.
const COLUMNS: [(&str, Side, usize); 12] = [
    ("REAPED (UTC)", Side::Left, 12),
    ("PID", Side::Right, 7),
    ("COMM", Side::Left, 15),
    ("EXIT", Side::Left, 8),
    ("EXITING", Side::Right, 7),
    ("ZOMBIE", Side::Right, 7),
    ("HOW", Side::Left, 8),
    ("PARENT", Side::Left, 18),
    ("REAPER", Side::Left, 8),
    ("KILLER", Side::Left, 6),
    ("WORKLOAD", Side::Left, 8),
    ("SLOWEST STEP", Side::Left, 12),
];
/// Columns without --steps.
const WITHOUT_STEPS: usize = COLUMNS.len() - 1;
/// A step shorter than this is not shown.
const SLOW_STEP: f64 = 1e-3;

/// Follows until a limit is reached, stdout is closed, or the agent ends.
pub async fn run(args: &ExitsArgs, look: Look) -> anyhow::Result<Outcome> {
    let source = Source::connect(&args.from).await?;
    let mut exits = source.exits().await?;
    let mut seen = 0;
    let end = deadline(args.duration);
    tokio::pin!(end);
    let columns = if args.from.probes.steps {
        COLUMNS.len()
    } else {
        WITHOUT_STEPS
    };
    if !args.json && print(&heads(columns, look))? == Reader::Gone {
        return Ok(Outcome::Fine);
    }
    while args.count.is_none_or(|count| seen < count) {
        let exit = tokio::select! {
            // Time first: a busy stream must not delay the end.
            biased;
            () = &mut end => break,
            exit = exits.next() => exit?,
        };
        let Some(exit) = exit else {
            if source.ends() {
                break;
            }
            bail!("the {} closed the stream", source.label())
        };
        let reader = if args.json {
            json::line(&exit)?
        } else {
            print(&shown(&exit, columns, look))?
        };
        if reader == Reader::Gone {
            break;
        }
        seen += u64::from(matches!(exit, ExitLine::Exit(_)));
    }
    Ok(Outcome::Fine)
}

fn heads(columns: usize, look: Look) -> String {
    let heads = COLUMNS.iter().map(|column| column.0);
    head(&cells(heads.take(columns)), look)
}

fn cells<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    line(
        cells,
        &COLUMNS.map(|column| column.1),
        &COLUMNS.map(|column| column.2),
    )
}

fn shown(exit: &ExitLine, columns: usize, look: Look) -> String {
    let text = match exit {
        ExitLine::Exit(exit) => row(exit, columns, look),
        ExitLine::Lost { lost } => {
            format!(
                "# {} missing here: this reader was too slow",
                count(*lost, "death")
            )
        }
    };
    text + "\n"
}

/// The reaper, or `parent` if it was the parent, as usual.
fn reaper(exit: &FinishedExit, look: Look) -> String {
    let reaper = exit.reaper.as_ref().map(|reaper| &reaper.process);
    match (reaper, exit.parent.as_ref()) {
        (Some(reaper), Some(parent)) if reaper.pid == parent.pid => "parent".to_owned(),
        (reaper, _) => look.process(reaper),
    }
}

/// The step that took most of a slow exit.
fn slowest_step(exit: &FinishedExit, look: Look) -> String {
    let steps = exit.steps.iter().flat_map(Steps::each);
    let known = steps.filter_map(|(name, seconds)| Some((name, seconds?)));
    let slowest = known.max_by(|one, other| one.1.0.total_cmp(&other.1.0));
    match slowest {
        Some((name, seconds)) if seconds >= SLOW_STEP => {
            let name = <&str>::from(name).replace('_', " ");
            format!("{name} {}", look.duration(seconds))
        }
        _ => look.nothing().to_owned(),
    }
}

fn row(exit: &FinishedExit, columns: usize, look: Look) -> String {
    let bound = Bound::upper(exit.zombie_seconds_is_upper_bound);
    let row: [String; COLUMNS.len()] = [
        look.known(exit.reaped_at.or(exit.died_at), time_of_day),
        exit.pid.to_string(),
        look.clean(&exit.comm),
        look.exit(exit.exit.as_ref()),
        look.maybe(exit.exit_seconds, Bound::Exact),
        look.maybe(exit.zombie_seconds, bound),
        look.clean(exit.how.as_str()),
        look.process(exit.parent.as_ref()),
        reaper(exit, look),
        look.killer(exit.killer.as_ref()),
        look.workload(exit.container.as_ref()),
        slowest_step(exit, look),
    ];
    cells(row.iter().take(columns).map(String::as_str))
}
