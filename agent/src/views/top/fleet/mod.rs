//! The live view of a cluster.

mod nodes;
mod workloads;

use serde::Serialize;

use crate::fleet::Prometheus;
use crate::views::column::Column;
use crate::views::fleet::columns::pids;
use crate::views::fleet::{self, verdicts};
use crate::views::text::{count, rate, wrap};
use crate::views::{Look, zombies};
use api::fleet::{Fleet, FleetAgent, FleetDocument, FleetNode, VerdictCount};

use super::frame::{Exits, Feed, Figures, Frame, Given, Wanted, passing};
use super::view::View;
use model::filter::{Field, Filter};

impl Feed for Prometheus {
    type Frame = FleetDocument<Fleet>;

    fn label(&self) -> String {
        self.label()
    }

    async fn frame(&self, _: Wanted) -> anyhow::Result<FleetDocument<Fleet>> {
        self.fleet().await
    }
}

/// Nodes and workloads.
trait Rows {
    fn fleet(&self) -> &Fleet;

    /// A sum over the nodes with data.
    fn sum<T: std::iter::Sum<T>>(&self, of: impl Fn(&FleetNode) -> Option<T>) -> T {
        self.fleet().nodes.iter().filter_map(of).sum()
    }
}

impl Rows for FleetDocument<Fleet> {
    fn fleet(&self) -> &Fleet {
        // `Prometheus::fleet` makes no other document.
        &self.items[0]
    }
}

/// Its verdicts, as text.
fn words(counts: Option<&Vec<VerdictCount>>) -> Option<String> {
    counts
        .filter(|all| !all.is_empty())
        .map(|all| verdicts(all))
}

impl Frame for FleetDocument<Fleet> {
    const NAME: &'static str = "fleet";
    const VIEWS: &'static [&'static dyn View<Self>] = &[&nodes::VIEW, &workloads::VIEW];
    const FIELDS: &'static [Field] = &[
        Field::Zombies,
        Field::Age,
        Field::Node,
        Field::Namespace,
        Field::Pod,
        Field::Container,
        Field::Unit,
        Field::Workload,
        Field::Why,
        Field::Stale,
        Field::Growth,
        Field::Exits,
        Field::Late,
        Field::Stuck,
        Field::Pids,
        Field::Lost,
    ];
    const FILTER: &'static str = "stale>0 and ns=shop";
    const NOTES: &'static [&'static str] = &[
        "All figures are from the last scrape. Unknown values are a dash, never 0.",
        "Prometheus has no PIDs; ask the node: `kubectl reapwatch --node NODE top`.",
    ];

    fn at(&self) -> String {
        self.at.to_string()
    }

    fn place(&self, look: Look) -> Vec<String> {
        let nodes = &self.fleet().nodes;
        let silent = nodes.iter().filter(|it| it.zombies.is_none()).count();
        let all = count(nodes.len() as u64, "node");
        let words = match silent {
            0 => all,
            silent => format!("{all}, {silent} SILENT"),
        };
        let age = fleet::data_age(nodes, look);
        [Some(words), age.map(|age| format!("scraped {age} ago"))]
            .into_iter()
            .flatten()
            .collect()
    }

    fn figures(&self) -> Figures {
        let (all, stale) = (self.sum(|it| it.zombies), self.sum(|it| it.stale_zombies));
        Figures {
            zombies: format!("{}, {stale} stale", count(all, "zombie")),
            worth_a_look: stale > 0,
            stuck: self.sum(|it| it.stuck_exits),
            lost: self.sum(|it| it.lost_events),
        }
    }

    fn alarms(&self, look: Look) -> Vec<String> {
        let nodes = self.fleet().nodes.iter();
        let full = nodes.filter_map(|it| Some((pids(it).filter(|share| *share >= 0.8)?, it)));
        full.max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(share, it)| {
                let node = fleet::node(&it.agent, look);
                format!("PIDs of {node}: {:.0}% in use", share * 100.0)
            })
            .into_iter()
            .collect()
    }

    fn exits_since(&self, earlier: &Self) -> Exits {
        // No new data before the next scrape.
        if self.at == earlier.at {
            return Exits::Unknown;
        }
        Exits::PerSecond(self.sum(|it| it.exits_per_second))
    }

    fn head_text(&self, given: &Given<'_>) -> String {
        let (look, frame) = (given.look, self);
        let figures = frame.figures();
        let mut text = format!(
            "{}  {}  {}\n{}  {} exits/s  {} stuck\n",
            frame.at,
            look.clean(given.source),
            frame.place(look).join(", "),
            figures.zombies,
            rate(frame.sum(|it| it.exits_per_second)),
            figures.stuck,
        );
        if let Some(filter) = given.filter {
            text.extend(["filter: ", &look.clean(filter.text()), "\n"]);
        }
        for line in frame.alarms(look) {
            text.extend([&line, "\n"]);
        }
        text.push_str(&fleet::unknown(frame, look));
        if let Some(loss) = zombies::loss(figures.lost) {
            text.extend([&loss, "\n"]);
        }
        text
    }

    fn look_up(&mut self, _: Self) {}

    fn document(&self, filter: Option<&Filter>) -> impl Serialize {
        let mut document = self.clone();
        let fleet = &mut document.items[0];
        let rows = passing(self, &nodes::VIEW, filter).into_iter();
        fleet.nodes = rows.map(|row| self.fleet().nodes[row].clone()).collect();
        let rows = passing(self, &workloads::VIEW, filter).into_iter();
        fleet.workloads = rows
            .map(|row| self.fleet().workloads[row].clone())
            .collect();
        document
    }
}

/// All columns of a row in full, and the agent that it is of.
fn facts<R>(
    columns: &[Column<R>],
    row: &R,
    agent: &FleetAgent,
    look: Look,
    width: usize,
) -> String {
    let mut text = columns[0].cell(row, look) + "\n";
    for column in &columns[1..] {
        let name = column.layout.head.to_lowercase();
        text += &look.hanging(&format!("  {name:<12}"), &column.cell(row, look), width);
    }
    for (name, words) in [("scraped at", &agent.instance), ("by job", &agent.job)] {
        text += &look.hanging(&format!("  {name:<12}"), words, width);
    }
    text
}

/// How to get what Prometheus does not have.
fn ask(agent: &FleetAgent, look: Look, width: usize) -> String {
    let ask = format!(
        "For processes and fixes: kubectl reapwatch --node {} culprits",
        look.clean(&agent.node)
    );
    format!("\n{}\n", wrap(&ask, width).join("\n"))
}

/// A row that is gone.
fn gone() -> String {
    "Prometheus has no data on it any more.".to_owned()
}

#[cfg(test)]
mod tests;
