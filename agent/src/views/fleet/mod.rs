//! A whole cluster, from Prometheus: `culprits --prometheus`, `zombies --prometheus`, and the names
//! of nodes and workloads.

use crate::fleet::Prometheus;
use api::fleet::{
    Fleet, FleetAgent, FleetCulprits, FleetDocument, FleetNode, FleetWorkload, VerdictCount,
};
use api::{Container, Seconds};

use super::column::Column;
use super::list::plain;
use super::output::print;
use super::text::count;
use super::{Look, Outcome, json, table};
use crate::cli::{Format, ListArgs, misused};

pub mod columns;
#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;

use columns::{NODES, WORKLOADS};

/// The data of one moment.
type Document = FleetDocument<Fleet>;

/// Filters, limits and orders are those of an agent.
pub fn refuse_list(command: &str, list: &ListArgs) {
    for (given, option) in [
        (list.filter.is_some(), "--filter"),
        (list.sort.is_some(), "--sort"),
        (list.limit.is_some(), "--limit"),
    ] {
        if given {
            let words = format!("{option} cannot be used with --prometheus; omit one of them");
            misused(command, words);
        }
    }
}

/// Asks once, prints the workloads with stale zombies and their verdicts.
pub async fn culprits(
    prometheus: &Prometheus,
    format: Option<Format>,
    fail: bool,
    look: Look,
) -> anyhow::Result<Outcome> {
    let document = prometheus.fleet().await?;
    let stale = |it: &FleetWorkload| it.stale_zombies > 0;
    let found = document.items[0].workloads.iter().any(stale);
    if format == Some(Format::Json) {
        let nodes = document.items[0].nodes.clone();
        let nodes = nodes.into_iter().filter(accused_or_unknown).collect();
        json::line(&FleetCulprits {
            document: only(document, stale),
            nodes,
        })?;
    } else if let Some(text) = listed(&document, format, stale) {
        print(&text)?;
    } else {
        print(&culprits_report(&document, look))?;
    }
    Ok(Outcome::of(found, fail))
}

/// Asks once, prints the workloads with zombies.
pub async fn zombies(
    prometheus: &Prometheus,
    format: Option<Format>,
    fail: bool,
    look: Look,
) -> anyhow::Result<Outcome> {
    let document = prometheus.fleet().await?;
    let some = |it: &FleetWorkload| it.zombies > 0;
    let found = document.items[0].workloads.iter().any(some);
    if format == Some(Format::Json) {
        json::line(&only(document, some))?;
    } else if let Some(text) = listed(&document, format, some) {
        print(&text)?;
    } else {
        print(&zombies_report(&document, look))?;
    }
    Ok(Outcome::of(found, fail))
}

/// Some of the workloads, as a script wants them.
fn listed(
    document: &Document,
    format: Option<Format>,
    keep: fn(&FleetWorkload) -> bool,
) -> Option<String> {
    let workloads = document.items[0].workloads.iter();
    let rows = workloads.filter(|it| keep(it));
    plain(format, &WORKLOADS, rows, |it| workload(it, Look::PLAIN))
}

/// A document with some of the workloads.
fn only(document: Document, keep: fn(&FleetWorkload) -> bool) -> FleetDocument<FleetWorkload> {
    let workloads = document.items.into_iter().flat_map(|it| it.workloads);
    FleetDocument {
        items: workloads.filter(keep).collect(),
        version: document.version,
        source: document.source,
        prometheus: document.prometheus,
        at: document.at,
        lost_events: document.lost_events,
    }
}

fn accused_or_unknown(node: &FleetNode) -> bool {
    node.verdicts
        .as_ref()
        .is_none_or(|counts| !counts.is_empty())
}

fn culprits_report(document: &Document, look: Look) -> String {
    let heads = [
        "WORKLOAD", "NODE", "STALE", "GROWTH/h", "OLDEST", "LATE", "WHY",
    ];
    let nodes = &document.items[0].nodes;
    let stale = |it: &FleetWorkload| it.stale_zombies > 0;
    let mut text = workloads(document, &heads, stale, "stale zombies", look);
    let is_accused = |it: &&FleetNode| it.verdicts.as_ref().is_some_and(|it| !it.is_empty());
    if nodes.iter().any(|it| is_accused(&it)) {
        let columns = chosen(&NODES, &["NODE", "WHY"]);
        text.push('\n');
        text += &table::text(&columns, nodes.iter().filter(is_accused), false, look);
    }
    text.push_str(&unknown(document, look));
    text.push_str(&elsewhere("culprits"));
    text
}

fn zombies_report(document: &Document, look: Look) -> String {
    let heads = ["WORKLOAD", "NODE", "ZOMBIES", "STALE", "OLDEST"];
    let some = |it: &FleetWorkload| it.zombies > 0;
    let mut text = workloads(document, &heads, some, "zombies", look);
    text.push_str(&unknown(document, look));
    text.push_str(&elsewhere("zombies"));
    text
}

/// The columns with these headings.
fn chosen<R>(columns: &[Column<R>], heads: &[&str]) -> Vec<Column<R>> {
    let columns = columns.iter();
    let chosen = columns.filter(|column| heads.contains(&column.layout.head));
    chosen.copied().collect()
}

fn workloads(
    document: &Document,
    heads: &[&str],
    keep: fn(&FleetWorkload) -> bool,
    what: &str,
    look: Look,
) -> String {
    let Fleet { nodes, workloads } = &document.items[0];
    let rows = workloads.iter().filter(|it| keep(it));
    if rows.clone().next().is_none() {
        let known = nodes.iter().filter(|it| it.zombies.is_some()).count();
        return format!("no {what} on {}\n", count(known as u64, "node"));
    }
    table::text(&chosen(&WORKLOADS, heads), rows, false, look)
}

/// One line for each node without data.
pub fn unknown(document: &Document, look: Look) -> String {
    let mut text = String::new();
    let nodes = document.items[0].nodes.iter();
    for silent in nodes.filter(|it| it.zombies.is_none()) {
        let name = node(&silent.agent, look);
        let why = match silent.up {
            Some(false) => "is down",
            _ => "is not scraped",
        };
        text.extend(["no data from ", &name, ": its agent ", why]);
        if let Some(age) = silent.data_age_seconds {
            let age = look.duration(age);
            text.extend([", last data ", &age, " ago"]);
        }
        text.push('\n');
    }
    text
}

/// How to get what Prometheus cannot show.
fn elsewhere(command: &str) -> String {
    format!(
        "Prometheus has no PIDs; ask the node: `kubectl reapwatch --node NODE {command}` or \
         `reapwatch {command} --url http://NODE:9991`\n"
    )
}

/// The name of a node, with its cluster if there are several.
pub fn node(agent: &FleetAgent, look: Look) -> String {
    match &agent.cluster {
        Some(cluster) => look.clean(&format!("{cluster}/{}", agent.node)),
        None => look.clean(&agent.node),
    }
}

/// `shop/web-0/app`, `nginx.service`, `not in a container`, or the name of the rest.
pub fn workload(it: &FleetWorkload, look: Look) -> String {
    let names = it.names();
    if let Some(all) = names
        .into_iter()
        .flatten()
        .find(|name| name.starts_with('~'))
    {
        return look.clean(all);
    }
    if names.into_iter().all(Option::is_none) {
        return "not in a container".to_owned();
    }
    look.workload(Some(&Container {
        namespace: it.namespace.clone(),
        pod: it.pod.clone(),
        name: it.container.clone(),
        unit: it.unit.clone(),
        ..Container::default()
    }))
}

/// `never_waits 2, parent_stopped`.
pub fn verdicts(counts: &[VerdictCount]) -> String {
    let words = counts.iter().map(|it| match it.culprits {
        1 => it.verdict.to_string(),
        many => format!("{} {many}", it.verdict),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Age of the data: `2.0s`, or `2.0s to 14s`.
pub fn data_age(nodes: &[FleetNode], look: Look) -> Option<String> {
    let ages = nodes
        .iter()
        .filter(|it| it.zombies.is_some())
        .filter_map(|it| Some(it.data_age_seconds?.0));
    let (least, most) = ages.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), age| {
        (age.min(least), age.max(most))
    });
    let [least, most] =
        [least, most].map(|age| age.is_finite().then(|| look.duration(Seconds(age))));
    let (least, most) = least.zip(most)?;
    Some(if least == most {
        least
    } else {
        format!("{least} to {most}")
    })
}
