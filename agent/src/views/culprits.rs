//! `reapwatch culprits`: processes that do not reap their children, why, and what to do.
//!
//! A few are printed in full, as blocks that can be pasted into a chat. Many are printed as a
//! table, followed by the worst in full.

use std::time::Duration;

use crate::cli::{CulpritsArgs, Format, ListArgs};
use crate::client::{Question, Source};
use crate::fleet::Prometheus;
use api::{Bound, Container, Culprit, Culprits, CulpritsQuery, Document, Seconds, Time};
use model::state::CULPRIT_FIELDS;

use super::column::{Column, Shown, Tone};
use super::list::{checked, is_empty, more, none, plain};
use super::output::{print, width};
use super::table::{self, head};
use super::text::{count, growth, rate, second, time_of_day, wrap};
use super::zombies::missing;
use super::{Look, Outcome, fleet, json, pids};

/// More than this are printed as a table.
const FEW: usize = 5;
/// How many are printed in full below a table.
const WORST: usize = 3;

type Col = Column<Culprit>;

static COLUMNS: [Column<Culprit>; 11] = [
    Col::pid(|it| it.process.pid),
    Col::text("COMM", "name of the process", |it, look| {
        Some(look.clean(&it.process.comm))
    }),
    Col::count("ZOMBIES", "zombies that it has to reap", |it| {
        Some(it.zombies)
    })
    .tone(|_| Tone::Warn),
    Col::span("OLDEST", "time since the oldest of them died", |it| {
        Some((it.oldest_seconds?, Bound::lower(it.oldest_is_lower_bound)))
    })
    .tone(|_| Tone::Warn),
    Col::number(
        "LEAK/s",
        "children that died and were not reaped, over the last minute",
        |it| Some(it.leaked_per_second),
        rate,
    )
    .tone(|it| {
        if it.leaked_per_second > 0.0 {
            Tone::Bad
        } else {
            Tone::Plain
        }
    }),
    Col::count("REAPED", "children reaped since reapwatch started", |it| {
        Some(it.reaped_total)
    }),
    Col::count("WAITS", "wait calls since reapwatch started", |it| {
        it.waits_total
    }),
    Col::text("LAST WAIT (UTC)", "when the last of them began", |it, _| {
        it.last_wait_at.map(time_of_day)
    }),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belongs to",
        |it, look| look.workload_of(it.container.as_ref()),
    )
    .shown(Shown::IfUsed),
    Col::verdict("verdict: why it does not reap", |it| it.verdict.as_ref()).tone(|_| Tone::Warn),
    Col::text("TO DO", "what to do about it", |it, look| {
        it.verdict.as_ref().map(|it| look.clean(&it.remedy))
    })
    .shown(Shown::Wide),
];

/// Asks once, prints, and exits.
pub async fn run(args: &CulpritsArgs, look: Look) -> anyhow::Result<Outcome> {
    let format = args.output.format();
    let format = format.or(args.table.then_some(Format::Table));
    if let Some(prometheus) = Prometheus::named(&args.fleet, &args.from.agent)? {
        fleet::refuse_list("culprits", &args.list);
        return fleet::culprits(&prometheus, format, args.fail, look).await;
    }
    let query = CulpritsQuery(args.list.list());
    let query = checked("culprits", query, &args.list, &CULPRIT_FIELDS);
    let source = Source::connect(&args.from).await?;
    source.watch(args.watch.watch, Question::Zombies).await?;
    let reply = source.ask(query).await?;
    let culprits = &reply.answer;
    let items = culprits.document.items.iter();
    if format == Some(Format::Json) {
        json::reply(&reply)?;
    } else if let Some(text) = plain(format, &COLUMNS, items, |it| it.process.pid.to_string()) {
        print(&text)?;
    } else {
        print(&report(culprits, format, &args.list, look, width()))?;
    }
    let found = !is_empty(&culprits.document);
    Ok(Outcome::of(found, args.fail))
}

fn report(
    culprits: &Culprits,
    format: Option<Format>,
    list: &ListArgs,
    look: Look,
    width: usize,
) -> String {
    let document = &culprits.document;
    let items = document.items.as_slice();
    let table_only = format.is_some();
    let wide = format == Some(Format::Wide);
    let table = || table::text(&COLUMNS, items.iter(), wide, look);
    let mut text = match items {
        [] => none("culprits", document, list, look),
        _ if table_only => table(),
        _ => {
            let mut text = head(&headline(document, look), look);
            let in_full = if items.len() > FEW {
                text.extend(["\n", &table()]);
                WORST
            } else {
                FEW
            };
            for culprit in items.iter().take(in_full) {
                text.extend(["\n", &block(culprit, document.head.at, look, width)]);
            }
            if items.len() > FEW {
                text.push_str("\nfor details of any other: reapwatch explain PID\n");
            }
            text
        }
    };
    text.push_str(&more(document));
    let full = pids::lines(&culprits.pids, look);
    if !(full.is_empty() || table_only || items.is_empty()) {
        text.push('\n');
    }
    text.push_str(&full);
    text.push_str(&notes(&document.notes, look, width));
    text.push_str(&missing(&document.head));
    text
}

/// What is missing in all items, one line each.
pub(super) fn notes(notes: &[String], look: Look, width: usize) -> String {
    let lines = notes.iter().flat_map(|note| {
        let note = look.clean(&format!("note: {note}"));
        wrap(&note, width.max(20))
    });
    lines.map(|line| line + "\n").collect()
}

/// `web-1, 2026-11-22 07:06:11 UTC: 1 process holds 300 zombies`.
fn headline(document: &Document<Culprit>, look: Look) -> String {
    let zombies = document.items.iter().map(|culprit| culprit.zombies).sum();
    let shown = document.items.len();
    let number = match document.total {
        total if total > shown as u64 => format!("{shown} of {total}"),
        _ => shown.to_string(),
    };
    let (noun, verb) = match document.total.max(shown as u64) {
        1 => ("process", "holds"),
        _ => ("processes", "hold"),
    };
    format!(
        "{}, {}: {} {noun} {verb} {}",
        look.clean(&document.head.host),
        second(document.head.at.0),
        number,
        count(zombies, "zombie"),
    )
}

/// One culprit in full: name, workload, zombies, verdict, evidence and remedy.
fn block(culprit: &Culprit, at: Time, look: Look, width: usize) -> String {
    let process = &culprit.process;
    let who = || format!("{} (PID {})", process.comm, process.pid);
    let verdict = culprit.verdict.as_ref();
    let summary = verdict.map_or_else(who, |verdict| verdict.summary.clone());
    let mut text = String::new();
    for line in wrap(&look.clean(&summary), width.max(20)) {
        text.push_str(&head(&line, look));
    }
    let mut part = |name: &str, mark: &str, words: &str| {
        text += &look.hanging(&format!("  {name:8}{mark}"), words, width);
    };
    if let Some(container) = &culprit.container {
        part("where", "", &place(container, look));
    }
    part("holds", "", &holds(culprit, at, look));
    let Some(verdict) = verdict else {
        let because = culprit.no_verdict.as_deref();
        let because = because.unwrap_or("no rule matches its behaviour");
        part("why", "", &format!("unknown: {because}"));
        return text;
    };
    let why = format!("{}, {}", verdict.id, verdict.confidence);
    part("why", "", &why);
    for fact in verdict.new_facts() {
        part("", "- ", fact);
    }
    part("to do", "", &verdict.remedy);
    text
}

/// `300 zombies, 12 more per minute; the oldest for 2h14m, since 2026-11-22 04:52:11 UTC`.
fn holds(culprit: &Culprit, at: Time, look: Look) -> String {
    let growth = growth(culprit.leaked_per_second).unwrap_or("no new ones seen".to_owned());
    let now = format!("{}, {growth}", count(culprit.zombies, "zombie"));
    let Some(seconds) = culprit.oldest_seconds else {
        return now;
    };
    let (least, before) = if culprit.oldest_is_lower_bound {
        ("at least ", "before ")
    } else {
        ("", "")
    };
    let since = earlier(at, seconds).map_or(String::new(), |at| format!(", since {before}{at}"));
    let age = look.duration(seconds);
    format!("{now}; the oldest for {least}{age}{since}")
}

/// The time this long before another.
fn earlier(at: Time, age: Seconds) -> Option<String> {
    let age = Duration::try_from_secs_f64(age.0).ok()?;
    at.0.checked_sub(age).ok().map(second)
}

/// The name of the workload, or its cgroup.
fn place(container: &Container, look: Look) -> String {
    let name = container.name.as_ref().or(container.id.as_ref());
    let pod = container.pod.as_ref().map(|pod| {
        let namespace = container.namespace.as_deref().unwrap_or("?");
        format!("pod {namespace}/{pod}")
    });
    let nameless = || container.pod_uid.as_ref().map(|uid| format!("pod {uid}"));
    let pod = pod.or_else(nameless);
    match (name, pod, &container.unit) {
        (Some(name), Some(pod), _) => format!("container {name} of {pod}"),
        (None, Some(pod), _) => pod,
        (Some(name), None, _) => format!("container {name}"),
        (None, None, Some(unit)) => format!("unit {unit}"),
        (None, None, None) => look.workload(Some(container)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::snapshot;
    use api::{Confidence, Head, HookKind, Process, Verdict};

    const LOOK: Look = Look {
        color: false,
        ascii: true,
    };

    fn leaking() -> Culprit {
        Culprit {
            process: Process {
                pid: 1234,
                start_time: None,
                comm: "app\x1b".into(),
            },
            container: None,
            zombies: 300,
            oldest_seconds: Some(Seconds(8040.0)),
            oldest_is_lower_bound: false,
            leaked_per_second: 0.2,
            reaped_total: 0,
            waits_total: Some(0),
            last_wait_at: None,
            no_verdict: None,
            verdict: Some(Verdict {
                id: "never_waits".into(),
                summary: "app\x1b (PID 1234) never waits for its children".into(),
                evidence: vec![
                    "watched for 2h: no wait call, no child reaped".into(),
                    "it holds 300 zombies; the oldest has been a zombie for 2h".into(),
                ],
                repeats: vec![1],
                remedy: "fix app: wait for each child it starts".into(),
                confidence: Confidence::Certain.into(),
            }),
        }
    }

    fn document(items: Vec<Culprit>) -> Culprits {
        Culprits {
            document: Document {
                head: Head {
                    version: 1,
                    host: "web-1".into(),
                    kernel: "6.18.0".into(),
                    source: HookKind::Fentry.into(),
                    at: Time("2026-11-22T07:06:11.123456789Z".parse().expect("a time")),
                    lost_events: 0,
                    unlisted_zombies: 0,
                },
                total: items.len() as u64,
                items,
                notes: Vec::new(),
            },
            pids: Vec::new(),
        }
    }

    #[test]
    fn one_culprit_is_printed_in_full() {
        let mut culprit = leaking();
        culprit.container = Some(Container {
            name: Some("app".into()),
            pod: Some("web-7f9c".into()),
            namespace: Some("shop".into()),
            ..Container::default()
        });
        let text = report(
            &document(vec![culprit]),
            None,
            &ListArgs::default(),
            LOOK,
            60,
        );
        snapshot::check("culprits", "one in full", &text);
    }

    #[test]
    fn an_unknown_cause_is_stated() {
        let mut culprit = leaking();
        culprit.oldest_is_lower_bound = true;
        culprit.leaked_per_second = 0.0;
        culprit.verdict = None;
        let at = document(Vec::new()).document.head.at;
        let text = block(&culprit, at, LOOK, 100);
        snapshot::check("culprits", "no verdict and a lower bound", &text);
        assert!(text.contains("at least 2h14m"), "{text}");
        assert!(!text.contains("to do"), "{text}");
    }

    #[test]
    fn a_pod_without_a_name_has_its_uid() {
        let container = Container {
            name: Some("app".into()),
            pod_uid: Some("3f1c2b4e-7a90-4d1e-9c11-0a2b3c4d5e6f".into()),
            ..Container::default()
        };
        let place = place(&container, LOOK);
        assert_eq!(
            place,
            "container app of pod 3f1c2b4e-7a90-4d1e-9c11-0a2b3c4d5e6f"
        );
    }

    #[test]
    fn notes_are_below_the_culprits_once() {
        let mut culprits = document(vec![leaking(); 2]);
        culprits.document.notes = vec!["less evidence without CAP_SYS_ADMIN".into()];
        for format in [None, Some(Format::Table)] {
            let text = report(&culprits, format, &ListArgs::default(), LOOK, 100);
            assert_eq!(text.matches("CAP_SYS_ADMIN").count(), 1, "{text}");
        }
    }

    #[test]
    fn many_culprits_are_a_table_with_the_worst_in_full() {
        let few = report(
            &document(vec![leaking(); FEW]),
            None,
            &ListArgs::default(),
            LOOK,
            100,
        );
        assert_eq!(few.matches("to do").count(), FEW);
        assert!(!few.contains("WHY"), "{few}");
        let many = report(
            &document(vec![leaking(); FEW + 1]),
            None,
            &ListArgs::default(),
            LOOK,
            100,
        );
        assert_eq!(many.matches("to do").count(), WORST);
        assert!(many.starts_with("web-1, 2026-11-22 07:06:11 UTC: 6 processes hold 1800 zombies"));
        let table = report(
            &document(vec![leaking()]),
            Some(Format::Table),
            &ListArgs::default(),
            LOOK,
            45,
        );
        snapshot::check("culprits", "table", &table);
        assert!(many.contains(&table), "{many}");
    }
}
