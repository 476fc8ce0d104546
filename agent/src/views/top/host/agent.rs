//! The agent itself: whether it sees everything, and what this host allows.

use api::{AgentUse, Seconds};

use super::super::view::{Identity, Missing, Table};
use super::{Host, nothing};
use crate::views::column::{Column, Shown, Tone};
use crate::views::look::Look;
use crate::views::text::wrap;
use crate::views::zombies::loss;

/// One thing to know about the agent.
#[derive(Clone, Debug)]
pub(super) struct Check {
    name: String,
    ok: bool,
    found: String,
    /// What is lost, what was refused and what to do.
    more: Vec<String>,
}

/// The view.
pub(super) static VIEW: Table<Host, Check> = Table {
    title: "Agent",
    rows: |host| &host.checks,
    missing: |_| Missing::default(),
    columns: &COLUMNS,
    sorts: &["OK"],
    count: |_| None,
    identity: |it| Identity::Named(it.name.clone()),
    copied: |it| it.name.clone(),
    is_idle: |_| false,
    // None of its rows has a field.
    passes: |_, _, _| true,
    empty: |host, _| {
        nothing(host.doctor.as_ref(), || {
            "the agent reports nothing".to_owned()
        })
    },
    detail: |_, _, row, look, width| row.map_or_else(String::new, |it| detail(it, look, width)),
};

type Col = Column<Check>;

static COLUMNS: [Column<Check>; 4] = [
    // In capitals, since not everyone sees the colour; and they come first.
    Col::text("OK", "whether it is as it should be", |it, _| {
        Some(if it.ok { "yes" } else { "NO" }.to_owned())
    })
    .width(3, 3)
    .tone(|it| if it.ok { Tone::Plain } else { Tone::Bad }),
    Col::text("WHAT", "what was checked", |it, look| {
        Some(look.clean(&it.name))
    })
    .width(16, 24)
    .rank(1),
    Col::text("FOUND", "what was found", |it, look| {
        Some(look.clean(&it.found))
    })
    .width(20, 60)
    .whole()
    .rank(2),
    Col::text(
        "NOTE",
        "what is lost without it, or what to do",
        |it, look| it.more.first().map(|more| look.clean(more)),
    )
    .width(20, 200)
    .rank(3)
    .shown(Shown::IfUsed),
];

/// What is known of the agent, most important first. `cpu_share` is the share of a core that it
/// uses now.
pub(super) fn checks(host: &Host, cpu_share: Option<f64>) -> Vec<Check> {
    let Some(Ok(doctor)) = &host.doctor else {
        return Vec::new();
    };
    let summary = &host.top().summary;
    let lost = host.document.head.lost_events;
    let source = doctor.source.as_ref().map_or("none", |it| it.as_str());
    let used = host.agent();
    let own = [Check {
        ok: lost == 0,
        more: loss(lost).into_iter().chain(reasons(used)).collect(),
        ..fine("events lost", lost.to_string())
    }];
    let seen = [
        fine("running for", Look::PLAIN.duration(summary.uptime_seconds)),
        fine("exits seen", summary.exits_total.to_string()),
        fine("reaps seen", summary.reaped_total.to_string()),
        fine("version", summary.agent_version.clone()),
        fine("source", source.to_owned()),
    ];
    let used = used.into_iter().flat_map(|it| {
        let since_start = summary.uptime_seconds;
        usage(it, cpu_share, since_start)
    });
    let facts = doctor.facts.iter().map(|fact| Check {
        name: fact.name.clone(),
        ok: fact.ok,
        found: fact.found.clone(),
        // Older agents send only `mend`.
        more: fact.fix.iter().chain(&fact.mend).take(1).cloned().collect(),
    });
    let probes = doctor.probes.iter().map(|probe| {
        let lost = probe.lost.iter().map(|lost| format!("lost: {lost}"));
        let refused = probe.refused.iter().map(|why| format!("refused: {why}"));
        Check {
            name: format!("probe {}", probe.probe),
            ok: probe.hook.is_some() || !probe.required,
            found: probe.hook.clone().unwrap_or_else(|| "no hook".to_owned()),
            more: lost.chain(refused).collect(),
        }
    });
    let own = own.into_iter().chain(used).chain(seen);
    own.chain(facts).chain(probes).collect()
}

fn fine(name: &str, found: String) -> Check {
    Check {
        name: name.to_owned(),
        ok: true,
        found,
        more: Vec::new(),
    }
}

/// Why events were lost.
fn reasons(used: Option<&AgentUse>) -> Vec<String> {
    let lost = used.into_iter().flat_map(|it| &it.lost);
    let lost = lost.filter(|it| it.events > 0);
    lost.map(|it| format!("{}: {}", it.reason, it.events))
        .collect()
}

/// CPU time, memory and tables.
fn usage(used: &AgentUse, cpu_share: Option<f64>, uptime: Seconds) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(cpu) = used.cpu_seconds {
        let since = percent(cpu.0 / uptime.0.max(1e-9));
        let now = cpu_share.map(|share| format!("{} of a core now, ", percent(share)));
        let now = now.unwrap_or_default();
        checks.push(fine("CPU", format!("{now}{since} since it started")));
    }
    if let Some(bytes) = used.memory_bytes {
        let limit = used.memory_limit_bytes;
        let full = limit.is_some_and(|limit| bytes > limit / 10 * 9);
        let of = limit.map(|limit| format!(" of {}", megabytes(limit)));
        checks.push(Check {
            ok: !full,
            more: full
                .then(|| "raise the memory limit: the agent is killed when it is full".to_owned())
                .into_iter()
                .collect(),
            ..fine("memory", megabytes(bytes) + &of.unwrap_or_default())
        });
    }
    checks.extend(used.tables.iter().map(|it| {
        Check {
            // Of the others, the oldest entries make room.
            ok: it.table != "zombies" || it.entries < it.limit,
            ..fine(
                &format!("table {}", it.table),
                format!("{} of {}", it.entries, it.limit),
            )
        }
    }));
    checks
}

/// The share of a core that the agent used between two frames.
pub(super) fn cpu_share(now: &Host, before: &Host) -> Option<f64> {
    let [(cpu, at), (cpu_before, at_before)] = [now, before].map(|host| {
        let cpu = host.agent().map(|it| (it.pid, it.cpu_seconds));
        (cpu, host.top().summary.uptime_seconds.0)
    });
    let ((pid, cpu), (pid_before, cpu_before)) = (cpu?, cpu_before?);
    let (used, passed) = (cpu?.0 - cpu_before?.0, at - at_before);
    (pid == pid_before && passed > 0.0 && used >= 0.0).then(|| used / passed)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn detail(check: &Check, look: Look, width: usize) -> String {
    let heading = look.clean(&check.name);
    let words = [&check.found].into_iter().chain(&check.more);
    let lines = words.flat_map(|words| wrap(&look.clean(words), width.saturating_sub(2)));
    let lines: Vec<_> = lines.map(|line| format!("\n  {line}")).collect();
    heading + &lines.concat()
}
