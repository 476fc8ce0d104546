//! `reapwatch stuck`: processes that were killed, are exiting or got a terminating signal, but
//! never finish.

use crate::cli::{Format, ListArgs, StuckArgs};
use crate::client::{Question, Source};
use api::{Awaited, Bound, Document, Killer, OrOther, Process, Stuck, StuckQuery, StuckThread};
use model::filter::STUCK_FIELDS;
use model::stuck::steps::words;

use super::column::{Column, Shown, Tone};
use super::culprits::notes;
use super::list::{checked, is_empty, more, none, plain};
use super::output::{print, width};
use super::table::{self, head};
use super::text::{count, moment};
use super::zombies::missing;
use super::{Look, Outcome, json};

/// Indent of all lines of a process after the first.
const INDENT: &str = "    ";
/// Maximum number of stack frames shown.
const FRAMES: usize = 8;
/// Maximum number of threads shown per process.
const THREADS: usize = 8;

type Col = Column<Stuck>;

/// The columns of stuck processes.
pub static COLUMNS: [Column<Stuck>; 9] = [
    Col::pid(|it| it.pid),
    Col::text("COMM", "name of the process", |it, look| {
        Some(look.clean(&it.comm))
    })
    .width(10, 15)
    .rank(1),
    Col::span("STUCK", "time since it was killed or began to exit", |it| {
        Some((it.stuck_seconds, Bound::lower(it.stuck_is_lower_bound)))
    })
    .rank(2)
    .tone(|_| Tone::Bad),
    Col::text(
        "STATE",
        "state of the thread that holds up the others",
        |it, _| it.state.map(String::from),
    )
    .width(5, 5)
    .rank(6),
    Col::text("STEP", "how far its exit is", |it, look| {
        it.step.as_ref().map(|step| look.clean(&step.0))
    })
    .width(16, 22)
    .rank(7),
    Col::text("WAITS FOR", "what it waits for", |it, look| {
        let waits = it.waits_for.as_ref()?;
        Some(look.clean(&format!("{} {}", kind(&waits.kind), waits.what)))
    })
    .width(20, 40)
    .rank(5),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belongs to",
        |it, look| look.workload_of(it.container.as_ref()),
    )
    .width(10, 44)
    .whole()
    .rank(4)
    .shown(Shown::IfUsed)
    .cut_front(),
    Col::verdict("verdict: why it does not finish", |it| it.verdict.as_ref())
        .width(13, 24)
        .whole()
        .rank(3)
        .tone(|_| Tone::Warn),
    Col::text("TO DO", "what to do about it", |it, look| {
        it.verdict.as_ref().map(|it| look.clean(&it.remedy))
    })
    .width(30, 200)
    .rank(8)
    .shown(Shown::Wide),
];

/// Asks once, prints, and exits.
pub async fn run(args: &StuckArgs, look: Look) -> anyhow::Result<Outcome> {
    let api::List {
        limit,
        sort,
        filter,
    } = args.list.list();
    let query = StuckQuery {
        threshold: Some(args.threshold),
        limit,
        sort,
        filter,
    };
    let query = checked("stuck", query, &args.list, &STUCK_FIELDS);
    let source = Source::connect(&args.from).await?;
    source.watch(args.watch.watch, Question::Stuck).await?;
    let reply = source.ask(query).await?;
    let (document, format) = (&reply.answer, args.output.format());
    let items = document.items.iter();
    if format == Some(Format::Json) {
        json::reply(&reply)?;
    } else if let Some(text) = plain(format, &COLUMNS, items, |it| it.pid.to_string()) {
        print(&text)?;
    } else {
        print(&report(document, format, &args.list, look, width()))?;
    }
    Ok(Outcome::of(!is_empty(document), args.fail))
}

fn report(
    document: &Document<Stuck>,
    format: Option<Format>,
    list: &ListArgs,
    look: Look,
    width: usize,
) -> String {
    let host = look.clean(&document.head.host);
    let items = document.items.iter();
    let mut text = match format {
        _ if document.items.is_empty() => none("stuck exits", document, list, look),
        Some(format) => table::text(&COLUMNS, items, format == Format::Wide, look),
        None => {
            let at = moment(document.head.at);
            let number = count(document.items.len() as u64, "stuck exit");
            let headline = head(&format!("{host}, {at} UTC: {number}"), look);
            let blocks = items.map(|it| format!("\n{}", block(it, look, width)));
            headline + &blocks.collect::<String>()
        }
    };
    text += &more(document);
    if !document.notes.is_empty() {
        text.extend(["\n", &notes(&document.notes, look, width)]);
    }
    text.push_str(&missing(&document.head));
    text
}

/// The process that it is.
pub fn process_of(stuck: &Stuck) -> Process {
    Process {
        pid: stuck.pid,
        start_time: stuck.start_time,
        comm: stuck.comm.clone(),
    }
}

/// One process in full: since when, killer, step, verdict and remedy.
pub(super) fn block(stuck: &Stuck, look: Look, width: usize) -> String {
    let span = look.bounded(
        stuck.stuck_seconds,
        Bound::lower(stuck.stuck_is_lower_bound),
    );
    let doing = if let Some(ignored) = &stuck.ignored {
        format!("still running {span} after {}", ignored.signal)
    } else if stuck.exit_has_begun == Some(false) {
        format!("killed {span} ago but has not begun to exit")
    } else {
        format!("exiting for {span}")
    };
    let comm = look.clean(&stuck.comm);
    let mut text = format!("{} {comm}: {doing}", stuck.pid);
    // The time of a kill has its own line.
    let is_exiting = stuck.ignored.is_none() && stuck.exit_has_begun != Some(false);
    if let Some(since) = stuck.since.filter(|_| is_exiting) {
        text.extend([", since ", &moment(since), " UTC"]);
    }
    text = head(&text, look);
    let mut part = |name: &str, words: &str| {
        text += &look.hanging(&format!("{INDENT}{name}"), words, width);
    };
    if stuck.container.is_some() {
        part("where:     ", &look.workload(stuck.container.as_ref()));
    }
    let signal = |signal: &Killer| {
        let at = moment(signal.at);
        let by = look.killer(Some(signal));
        format!("{} by {by} at {at} UTC", signal.signal)
    };
    match (&stuck.ignored, &stuck.killer) {
        (Some(ignored), _) => part("signal:    ", &signal(ignored)),
        (None, Some(killer)) => part("killed:    ", &signal(killer)),
        (None, None) if stuck.exit_has_begun == Some(false) => {
            part("killed:    ", "sender not seen");
        }
        (None, None) => part("killed:    ", "no fatal signal was seen"),
    }
    for (name, words) in place(stuck, look) {
        part(&format!("{:11}", format!("{name}:")), &words);
    }
    if let Some(verdict) = &stuck.verdict {
        part(
            "why:       ",
            &format!(
                "{} ({}, {})",
                verdict.summary, verdict.id, verdict.confidence
            ),
        );
        for fact in verdict.new_facts() {
            part("           - ", fact);
        }
        part("to do:     ", &verdict.remedy);
    }
    text
}

/// Its step, what it waits for, and its threads, each with its label.
pub(super) fn place(stuck: &Stuck, look: Look) -> Vec<(&'static str, String)> {
    let step = match (&stuck.step, &stuck.no_step) {
        (Some(step), _) => words(step).to_owned(),
        (None, Some(why)) => format!("unknown: {why}"),
        (None, None) => "unknown".to_owned(),
    };
    let mut place = vec![("step", step)];
    if let Some(waits_for) = &stuck.waits_for {
        let who: Vec<_> = waits_for
            .processes
            .iter()
            .map(|who| look.process(Some(who)))
            .collect();
        let who = if who.is_empty() {
            String::new()
        } else {
            format!(": {}", who.join(", "))
        };
        let words = format!("{} {}{who}", kind(&waits_for.kind), waits_for.what);
        place.push(("waits for", words));
    }
    let threads = stuck.threads.iter().take(THREADS).map(thread);
    place.extend(threads.map(|thread| ("thread", thread)));
    if stuck.threads.len() > THREADS {
        let more = format!("and {} more", stuck.threads.len() - THREADS);
        place.push(("thread", more));
    }
    place
}

fn thread(thread: &StuckThread) -> String {
    let frames: Vec<_> = thread
        .stack
        .iter()
        .take(FRAMES)
        .map(String::as_str)
        .collect();
    let stack = if frames.is_empty() {
        "stack not readable".to_owned()
    } else {
        frames.join(" < ")
    };
    format!("{} {} {}: {stack}", thread.tid, thread.state, thread.step)
}

fn kind(kind: &OrOther<Awaited>) -> &str {
    match kind.known() {
        Some(Awaited::Fuse) => "FUSE",
        Some(Awaited::Network) => "network file system",
        Some(Awaited::CoreHelper) => "core_pattern",
        Some(Awaited::Freezer) => "the thaw of",
        Some(Awaited::Namespace) => "the end of",
        Some(Awaited::Tracer) | None => kind.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::snapshot;
    use api::{Confidence, Container, Head, HookKind, KillBy, Seconds, Time, Verdict, WaitsFor};

    fn process(pid: u32, comm: &str) -> Process {
        Process {
            pid,
            start_time: None,
            comm: comm.to_owned(),
        }
    }

    fn at(text: &str) -> Time {
        Time(text.parse().expect("a time"))
    }

    fn stuck() -> Stuck {
        Stuck {
            pid: 4242,
            start_time: None,
            comm: "backup\x1b".to_owned(),
            state: Some('D'),
            since: Some(at("2026-11-22T03:11:22.123456789Z")),
            stuck_seconds: Seconds(312.0),
            stuck_is_lower_bound: false,
            exit_has_begun: Some(true),
            no_step: None,
            step: Some("closing_files".into()),
            threads: vec![StuckThread {
                tid: 4242,
                state: 'D',
                step: "closing_files".into(),
                stack: vec!["request_wait_answer".to_owned(), "fuse_flush".to_owned()],
            }],
            killer: Some(Killer {
                process: Some(process(900, "kubelet")),
                by: Some(KillBy::Process.into()),
                signal: "SIGKILL".to_owned(),
                at: at("2026-11-22T03:11:22.123456789Z"),
            }),
            ignored: None,
            waits_for: Some(WaitsFor {
                kind: Awaited::Fuse.into(),
                what: "connection 38 (host:/x on /mnt)".to_owned(),
                processes: vec![process(17, "sshfs")],
            }),
            container: Some(Container {
                namespace: Some("shop".to_owned()),
                pod: Some("web-0".to_owned()),
                ..Container::default()
            }),
            verdict: Some(Verdict {
                id: "closing_files".into(),
                summary: "backup (PID 4242) is closing its files".to_owned(),
                evidence: vec![
                    "thread 4242 is in state D, kernel stack: fuse_flush".to_owned(),
                    "it waits for FUSE connection 38".to_owned(),
                    "exiting for 5m; no fatal signal was seen".to_owned(),
                ],
                repeats: vec![0, 2],
                remedy: "abort it: echo 1 > /sys/fs/fuse/connections/38/abort".to_owned(),
                confidence: Confidence::Certain.into(),
            }),
        }
    }

    const LOOK: Look = Look {
        color: false,
        ascii: true,
    };

    #[test]
    fn a_stuck_exit_is_printed_with_everything_known() {
        snapshot::check("stuck", "a FUSE server", &block(&stuck(), LOOK, 100));
    }

    #[test]
    fn unknown_facts_are_marked_or_omitted() {
        let unknown = Stuck {
            since: None,
            stuck_is_lower_bound: true,
            step: None,
            no_step: Some("its files in /proc could not be read".to_owned()),
            threads: Vec::new(),
            killer: None,
            waits_for: None,
            container: None,
            verdict: None,
            ..stuck()
        };
        let text = block(&unknown, LOOK, 100);
        snapshot::check("stuck", "nothing known", &text);
        assert!(text.contains(">=5m12s"), "{text}");
    }

    #[test]
    fn a_killed_process_that_has_not_begun_to_exit_is_not_called_exiting() {
        let waiting = Stuck {
            exit_has_begun: Some(false),
            step: Some("unkillable_sleep".into()),
            ..stuck()
        };
        let text = block(&waiting, LOOK, 100);
        let head = "4242 backup?: killed 5m12s ago";
        assert!(
            text.starts_with(head) && !text.contains("exiting"),
            "{text}"
        );
    }

    #[test]
    fn a_report_begins_with_time_and_count() {
        let document = |items: Vec<Stuck>| Document {
            total: items.len() as u64,
            head: Head {
                version: 1,
                host: "web-1".to_owned(),
                kernel: "6.18.0".to_owned(),
                source: HookKind::Fentry.into(),
                at: at("2026-11-22T07:06:11.123456789Z"),
                lost_events: 0,
                unlisted_zombies: 0,
            },
            items,
            notes: Vec::new(),
        };
        let text = report(
            &document(vec![stuck(), stuck()]),
            None,
            &ListArgs::default(),
            LOOK,
            100,
        );
        let head = "web-1, 2026-11-22 07:06:11.123 UTC: 2 stuck exits\n\n4242 backup?: exiting";
        assert!(text.starts_with(head), "{text}");
        assert!(text.contains("38/abort\n\n4242 backup?"), "{text}");
        let none = report(&document(Vec::new()), None, &ListArgs::default(), LOOK, 100);
        assert_eq!(none, "no stuck exits on web-1\n");
    }
}
