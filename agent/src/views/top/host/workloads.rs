//! Pods, containers and units: the zombies that their processes hold.

use api::{Bound, WorkloadQuery, WorkloadRow};

use super::super::view::{Identity, Table};
use super::{Host, detail};
use crate::views::column::{Column, Shown, Tone};
use crate::views::look::Look;
use crate::views::text::rate;

/// The view.
pub(super) static VIEW: Table<Host, WorkloadRow> = Table {
    title: "Workloads",
    rows: |host| &host.rows().workloads,
    missing: Host::missing_workloads,
    columns: &COLUMNS,
    sorts: &["ZOMBIES", "OLDEST", "REAPS/s", "WORKLOAD"],
    count: |host| {
        let top = host.top();
        let listed = || top.workloads.iter().filter(|it| it.zombies > 0).count();
        Some(top.summary.workloads.unwrap_or_else(|| listed() as u64))
    },
    identity: |it| Identity::Named(name(it, Look::PLAIN)),
    copied: |it| name(it, Look::PLAIN),
    is_idle: |it| it.zombies == 0,
    passes: |host, it, filter| host.passes(filter, &it.into()),
    empty: |host, _| match host.top().workloads.len() {
        0 => "no process with a known workload holds zombies or reaps children".to_owned(),
        _ => "no workload holds zombies (i shows those that reap children)".to_owned(),
    },
    detail: detail::workload,
};

type Col = Column<WorkloadRow>;

static COLUMNS: [Column<WorkloadRow>; 8] = [
    Col::text("WORKLOAD", "pod, container or unit", |it, look| {
        Some(name(it, look))
    })
    .width(20, 60)
    .cut_front(),
    Col::count("ZOMBIES", "zombies that its processes have to reap", |it| {
        Some(it.zombies)
    })
    .rank(1)
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
    .rank(2)
    .tone(|it| {
        if it.zombies > 0 {
            Tone::Warn
        } else {
            Tone::Plain
        }
    }),
    Col::count("CULPRITS", "its processes that hold zombies", |it| {
        Some(it.culprits)
    })
    .rank(4),
    Col::number(
        "LEAK/s",
        "new zombies per second over the last minute; one burst is no leak",
        |it| Some(it.leaked_per_second),
        rate,
    )
    .rank(5)
    .tone(|it| {
        if it.leaked_per_second > 0.0 {
            Tone::Bad
        } else {
            Tone::Plain
        }
    }),
    Col::number(
        "REAPS/s",
        "children reaped by its processes, over the last minute",
        |it| Some(it.reaped_per_second),
        rate,
    )
    .width(8, 8)
    .rank(6),
    Col::text(
        "PIDS",
        "PIDs in use, of the limit of its cgroup",
        |it, _| {
            let pids = it.pids.as_ref()?;
            Some(format!("{} of {}", pids.used, pids.limit))
        },
    )
    .width(12, 16)
    .rank(7)
    .shown(Shown::IfUsed)
    .tone(|it| match &it.pids {
        Some(pids) if crate::views::pids::matters(pids) => Tone::Bad,
        _ => Tone::Plain,
    }),
    Col::text(
        "WHY",
        "verdict on the worst of its processes",
        |it, look| {
            let id = it.verdict.as_ref()?;
            // Older agents do not say how sure it is.
            Some(match &it.confidence {
                Some(confidence) => look.why_by(id, confidence),
                None => look.clean(&id.0),
            })
        },
    )
    .width(15, 26)
    .whole()
    .rank(3),
];

/// What to ask for the details of a row, if it is one of these.
pub(super) fn query(host: &Host, who: &Identity) -> Option<WorkloadQuery> {
    let mut rows = host.rows().workloads.iter();
    let row = rows.find(|it| (VIEW.identity)(it) == *who)?;
    let container = row.container.as_ref();
    Some(WorkloadQuery {
        cgroup: container.and_then(|it| it.cgroup.clone()),
    })
}

/// Its name.
pub(super) fn name(it: &WorkloadRow, look: Look) -> String {
    let name = look.workload_of(it.container.as_ref());
    name.unwrap_or_else(|| "not in a container".to_owned())
}
