//! The processes that hold zombies, or reap children.

use api::{Bound, Parent};

use super::super::view::{Identity, Table};
use super::{Host, detail};
use crate::views::column::{Column, Shown, Tone};
use crate::views::look::Look;
use crate::views::text::{count, rate};

/// The view.
pub(super) static VIEW: Table<Host, Parent> = Table {
    title: "Culprits",
    rows: |host| &host.rows().parents,
    missing: Host::missing_parents,
    columns: &COLUMNS,
    sorts: &["ZOMBIES", "OLDEST", "REAPS/s", "PID"],
    count: |host| {
        let top = host.top();
        let listed = || top.parents.iter().filter(|it| it.zombies > 0).count();
        Some(top.summary.culprits.unwrap_or_else(|| listed() as u64))
    },
    identity: |it| Identity::of(&it.process),
    copied: |it| it.process.pid.to_string(),
    is_idle: |it| it.zombies == 0,
    passes: |host, it, filter| host.passes(filter, &it.into()),
    empty,
    detail: |host, who, row, look, width| {
        let known = row.map(|it| detail::parent(it, look));
        detail::process(host, who, known, look, width)
    },
};

type Col = Column<Parent>;

static COLUMNS: [Column<Parent>; 11] = [
    Col::pid(|it| it.process.pid),
    Col::text("COMM", "name of the process", |it, look| {
        Some(look.clean(&it.process.comm))
    })
    .width(10, 15)
    .rank(1),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belongs to",
        |it, look| look.workload_of(it.container.as_ref()),
    )
    .width(10, 44)
    .rank(6)
    .cut_front(),
    Col::count("ZOMBIES", "zombies that it has to reap", |it| {
        Some(it.zombies)
    })
    .rank(2)
    .tone(|it| {
        if it.zombies > 0 {
            Tone::Warn
        } else {
            Tone::Plain
        }
    }),
    Col::span("OLDEST", "time since the oldest of them died", |it| {
        Some((it.oldest_seconds?, Bound::lower(it.oldest_is_lower_bound)))
    })
    .rank(3)
    .tone(|it| {
        if it.zombies > 0 {
            Tone::Warn
        } else {
            Tone::Plain
        }
    }),
    Col::number(
        "LEAK/s",
        "new zombies per second over the last minute; one burst is no leak",
        |it| Some(it.leaked_per_second),
        rate,
    )
    .rank(7)
    .whole()
    .tone(|it| {
        if it.leaked_per_second > 0.0 {
            Tone::Bad
        } else {
            Tone::Plain
        }
    }),
    Col::number(
        "REAPS/s",
        "children reaped, over the last minute",
        |it| Some(it.reaped_per_second),
        rate,
    )
    .width(8, 8)
    .rank(8),
    Col::span(
        "P50",
        "median zombie time of the children it reaped",
        |it| Some((it.p50_seconds?, Bound::Exact)),
    )
    .width(6, 8)
    .rank(9),
    Col::span("P99", "99th percentile of the same", |it| {
        Some((it.p99_seconds?, Bound::Exact))
    })
    .width(6, 8)
    .rank(10),
    Col::verdict("verdict: why it does not reap", |it| it.verdict.as_ref())
        .width(16, 26)
        .whole()
        .rank(4)
        .tone(|it| {
            if it.verdict.is_some() {
                Tone::Warn
            } else {
                Tone::Plain
            }
        }),
    Col::text("TO DO", "what to do about it", |it, look| {
        it.verdict.as_ref().map(|it| look.clean(&it.remedy))
    })
    .width(30, 200)
    .rank(11)
    .shown(Shown::Wide),
];

fn empty(host: &Host, look: Look) -> String {
    let summary = &host.top().summary;
    let since = format!(
        "{} seen since reapwatch started {} ago",
        count(summary.exits_total, "exit"),
        look.duration(summary.uptime_seconds)
    );
    match host.top().parents.len() {
        0 => format!("no zombies, and no process reaped a child in the last minute: {since}"),
        others => format!(
            "no process holds zombies; {} in the last minute (i shows them): {since}",
            match others {
                1 => "1 process reaped children".to_owned(),
                others => format!("{others} processes reaped children"),
            }
        ),
    }
}
