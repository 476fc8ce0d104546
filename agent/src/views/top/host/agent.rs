//! The agent itself: whether it sees everything, and what this host allows.

use api::Doctor;

use super::super::view::{Identity, Table};
use super::{Host, nothing};
use crate::views::column::{Column, Tone};
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
    rows: |host| match &host.checks {
        Some(Ok(checks)) => checks,
        _ => &[],
    },
    columns: &COLUMNS,
    sorts: &["OK"],
    count: |_| None,
    identity: |it| Identity::Named(it.name.clone()),
    copied: |it| it.name.clone(),
    is_idle: |_| false,
    // None of its rows has a field.
    passes: |_, _, _| true,
    empty: |host, _| {
        nothing(host.checks.as_ref(), || {
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
    .rank(2),
    Col::text(
        "NOTE",
        "what is lost without it, or what to do",
        |it, look| it.more.first().map(|more| look.clean(more)),
    )
    .width(20, 200)
    .rank(3),
];

/// What is known of the agent, most important first.
pub(super) fn checks(host: &Host, doctor: &Doctor) -> Vec<Check> {
    let summary = &host.top().summary;
    let lost = host.document.head.lost_events;
    let fine = |name: &str, found: String| Check {
        name: name.to_owned(),
        ok: true,
        found,
        more: Vec::new(),
    };
    let source = doctor.source.as_ref().map_or("none", |it| it.as_str());
    let own = [
        Check {
            ok: lost == 0,
            more: loss(lost).into_iter().collect(),
            ..fine("events lost", lost.to_string())
        },
        fine("version", summary.agent_version.clone()),
        fine("running for", Look::PLAIN.duration(summary.uptime_seconds)),
        fine("exits seen", summary.exits_total.to_string()),
        fine("reaps seen", summary.reaped_total.to_string()),
        fine("source", source.to_owned()),
    ];
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
    own.into_iter().chain(facts).chain(probes).collect()
}

fn detail(check: &Check, look: Look, width: usize) -> String {
    let heading = look.clean(&check.name);
    let words = [&check.found].into_iter().chain(&check.more);
    let lines = words.flat_map(|words| wrap(&look.clean(words), width.saturating_sub(2)));
    let lines: Vec<_> = lines.map(|line| format!("\n  {line}")).collect();
    heading + &lines.concat()
}
