//! Workloads, their culprits, and the zombies of each, as a tree.

use std::collections::BTreeMap;

use api::{Bound, Parent, Process, Zombie};
use model::filter::Filter;

use super::super::frame::passing;
use super::super::view::View;
use super::{Host, culprits::VIEW};
use crate::views::look::Look;
use crate::views::text::count;

/// At most so many kinds of zombies are listed for each culprit.
const KINDS: usize = 8;
const NOWHERE: &str = "no known workload";

/// A line, and those below it.
struct Node {
    text: String,
    below: Vec<Node>,
}

/// The ancestors of the selected process, and the tree of all culprits that pass a filter, worst
/// first.
pub(super) fn tree(host: &Host, filter: Option<&Filter>, look: Look) -> String {
    lineage(host, look) + &culprits(host, filter, look)
}

/// The selected process below its parent, that below its own, from PID 1 on.
fn lineage(host: &Host, look: Look) -> String {
    let story = host.story.as_ref().and_then(|story| story.as_ref().ok());
    let Some((story, process)) = story.and_then(|it| Some((&it.story, it.story.process.as_ref()?)))
    else {
        return String::new();
    };
    let name = |process: &Process| look.process(Some(process));
    let selected = Node {
        text: format!("{}  selected", name(process)),
        below: Vec::new(),
    };
    let chain = story.ancestry.iter().fold(selected, |below, parent| Node {
        text: name(parent),
        below: vec![below],
    });
    let mut text = "Ancestors of the selected process\n".to_owned();
    write(&mut text, &[chain], " ", look);
    text + "\n"
}

fn culprits(host: &Host, filter: Option<&Filter>, look: Look) -> String {
    let view: &dyn View<Host> = &VIEW;
    let rows = passing(host, view, filter);
    let rows = view
        .sorted(host, rows, view.first_sort(), false)
        .into_iter();
    let culprits = rows.map(|row| &host.top().parents[row]);
    // Each workload comes where its worst culprit does.
    let mut workloads: Vec<(String, Vec<&Parent>)> = Vec::new();
    for culprit in culprits.filter(|it| it.zombies > 0) {
        let name = look.workload_of(culprit.container.as_ref());
        let name = name.unwrap_or_else(|| NOWHERE.to_owned());
        match workloads.iter_mut().find(|(known, _)| *known == name) {
            Some((_, of_it)) => of_it.push(culprit),
            None => workloads.push((name, vec![culprit])),
        }
    }
    if workloads.is_empty() {
        return match filter {
            Some(filter) => format!("no culprit matches the filter {}", filter.text()),
            None => "no process holds zombies".to_owned(),
        };
    }
    let mut text = String::new();
    for (name, culprits) in workloads {
        let zombies = culprits.iter().map(|it| it.zombies).sum();
        let node = Node {
            text: format!("{name}: {}", count(zombies, "zombie")),
            below: culprits.iter().map(|it| node(host, it, look)).collect(),
        };
        text.extend([&node.text, "\n"]);
        write(&mut text, &node.below, " ", look);
    }
    text
}

fn node(host: &Host, culprit: &Parent, look: Look) -> Node {
    let oldest = look.maybe(
        culprit.oldest_seconds,
        Bound::lower(culprit.oldest_is_lower_bound),
    );
    let why = culprit.verdict.as_ref().map(|it| look.why(it));
    let why = why.map(|why| format!("  {why}")).unwrap_or_default();
    Node {
        text: format!(
            "{} ({})  {}, oldest {oldest}{why}",
            look.clean(&culprit.process.comm),
            culprit.process.pid,
            count(culprit.zombies, "zombie"),
        ),
        below: kinds(host, culprit, look),
    }
}

/// Its zombies by name and exit status, the most frequent first.
fn kinds(host: &Host, culprit: &Parent, look: Look) -> Vec<Node> {
    let pid = Some(culprit.process.pid);
    let holder = |it: &&Zombie| it.tracer.as_ref().or(it.parent.as_ref()).map(|it| it.pid);
    let zombies = host.top().zombies.iter().filter(|it| holder(it) == pid);
    let mut kinds = BTreeMap::<_, u64>::new();
    for zombie in zombies {
        let exit = zombie.exit.as_ref().map(ToString::to_string);
        *kinds.entry((&zombie.comm, exit)).or_default() += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(_, a), (_, b)| b.cmp(a));
    kinds.truncate(KINDS);
    let listed: u64 = kinds.iter().map(|(_, number)| number).sum();
    let line = |((comm, exit), number): ((&String, Option<String>), u64)| {
        let exit = look.known(exit.as_deref(), |exit| look.clean(exit));
        format!("{number} {}  {exit}", look.clean(comm))
    };
    let more = culprit.zombies.saturating_sub(listed);
    let more = (more > 0 && listed > 0).then(|| format!("{more} more"));
    let lines = kinds.into_iter().map(line).chain(more);
    let node = |text| Node {
        text,
        below: Vec::new(),
    };
    lines.map(node).collect()
}

fn write(text: &mut String, nodes: &[Node], indent: &str, look: Look) {
    let [branch, last, trunk] = if look.ascii {
        ["|- ", "`- ", "|  "]
    } else {
        ["├─ ", "└─ ", "│  "]
    };
    for (n, node) in nodes.iter().enumerate() {
        let is_last = n + 1 == nodes.len();
        let here = if is_last { last } else { branch };
        text.extend([indent, here, &node.text, "\n"]);
        let below = if is_last { "   " } else { trunk };
        write(text, &node.below, &format!("{indent}{below}"), look);
    }
}
