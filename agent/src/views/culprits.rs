//! `reapwatch culprits`: who does not reap, why, and what to do.

use crate::api::{Culprit, Document, Verdict};
use crate::cli::CulpritsArgs;
use crate::client::Source;

use super::output::{print, width};
use super::table::{Side, Table};
use super::text::{Bound, rate, time_of_day, wrap};
use super::zombies::loss;
use super::{Look, Outcome, json};

/// What stands before the lines of a verdict.
const INDENT: &str = "        ";

/// Asks once, prints, and ends.
pub async fn run(args: &CulpritsArgs, look: Look) -> anyhow::Result<Outcome> {
    let source = Source::connect(&args.from, &args.probes).await?;
    let document = source.culprits().await?;
    if args.json {
        json::line(&document)?;
    } else {
        print(&report(&document, look, width()))?;
    }
    let found = args.fail && !document.items.is_empty();
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

fn report(document: &Document<Culprit>, look: Look, width: usize) -> String {
    let mut text = if document.items.is_empty() {
        format!("no culprits on {}\n", look.clean(&document.host))
    } else {
        table(&document.items, look, width)
    };
    if let Some(loss) = loss(document.lost_events) {
        text.push_str(&loss);
        text.push('\n');
    }
    text
}

fn table(culprits: &[Culprit], look: Look, width: usize) -> String {
    let placed = culprits.iter().any(|culprit| culprit.container.is_some());
    let mut columns = vec![
        ("PID", Side::Right),
        ("COMM", Side::Left),
        ("ZOMBIES", Side::Right),
        ("OLDEST", Side::Right),
        ("LEAK/s", Side::Right),
        ("REAPED", Side::Right),
        ("WAITS", Side::Right),
        ("LAST WAIT (UTC)", Side::Left),
    ];
    if placed {
        columns.push(("WORKLOAD", Side::Left));
    }
    columns.push(("WHY", Side::Left));
    let mut table = Table::new(&columns);
    for culprit in culprits {
        let nothing = || look.nothing().to_owned();
        let oldest = if culprit.oldest_is_lower_bound {
            Bound::Lower
        } else {
            Bound::Exact
        };
        let last_wait = culprit.last_wait_at.as_deref().and_then(time_of_day);
        let why = culprit.verdict.as_ref();
        let mut cells = vec![
            culprit.process.pid.to_string(),
            look.clean(&culprit.process.comm),
            culprit.zombies.to_string(),
            look.maybe(culprit.oldest_seconds, oldest),
            rate(culprit.leaked_per_second),
            culprit.reaped_total.to_string(),
            culprit
                .waits_total
                .map_or_else(nothing, |waits| waits.to_string()),
            last_wait.map_or_else(nothing, |at| look.clean(&at)),
        ];
        if placed {
            cells.push(look.workload(culprit.container.as_ref()));
        }
        cells.push(why.map_or_else(nothing, |verdict| look.clean(&verdict.id)));
        table.row(cells);
        table.below(
            why.map(|verdict| story(verdict, look, width))
                .unwrap_or_default(),
        );
    }
    table.render(look)
}

/// The verdict in full, wrapped and indented.
fn story(verdict: &Verdict, look: Look, width: usize) -> String {
    let mut text = String::new();
    let mut part = |name: &str, words: &str| {
        let room = width.saturating_sub(INDENT.len() + name.len()).max(20);
        for (n, line) in wrap(&look.clean(words), room).into_iter().enumerate() {
            let name = if n == 0 {
                name
            } else {
                &" ".repeat(name.len())
            };
            text.extend([INDENT, name, &line, "\n"]);
        }
    };
    part("", &format!("{} ({})", verdict.summary, verdict.confidence));
    for fact in &verdict.evidence {
        part("- ", fact);
    }
    part("to do: ", &verdict.remedy);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Process;

    #[test]
    fn each_row_has_its_story_below() {
        let culprit = Culprit {
            process: Process {
                pid: 1234,
                start_time: None,
                comm: "app\x1b".into(),
            },
            container: None,
            zombies: 12,
            oldest_seconds: Some(245.0),
            oldest_is_lower_bound: false,
            leaked_per_second: 0.05,
            reaped_total: 0,
            waits_total: Some(0),
            last_wait_at: None,
            verdict: Some(Verdict {
                id: "never_waits".into(),
                summary: "app (PID 1234) never waits for its children".into(),
                evidence: vec!["holds 12 zombies, the oldest dead for 4m".into()],
                remedy: "mend app".into(),
                confidence: "certain".into(),
            }),
        };
        let look = Look {
            color: false,
            ascii: true,
        };
        let expected = "\x20PID  COMM  ZOMBIES  OLDEST  LEAK/s  REAPED  WAITS  LAST WAIT (UTC)  WHY
1234  app?       12    4m5s    0.05       0      0  -                never_waits
        app (PID 1234) never waits for its
        children (certain)
        - holds 12 zombies, the oldest dead
          for 4m
        to do: mend app
";
        assert_eq!(table(&[culprit], look, 45), expected);
    }
}
