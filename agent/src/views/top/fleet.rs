//! The live view of a cluster: nodes and workloads.

use std::cmp::Ordering;

use ratatui::text::Line;

use crate::cli::ViewName;
use crate::fleet::Prometheus;
use crate::views::fleet::columns::{self, Column, pids};
use crate::views::fleet::{self, verdicts};
use crate::views::table::{Side, TableColumn, down};
use crate::views::text::{count, rate, wrap};
use crate::views::{Look, zombies};
use api::fleet::{Fleet, FleetAgent, FleetDocument, FleetNode, FleetWorkload, VerdictCount};

use super::detail::{heading, named};
use super::frame::{Exits, Feed, Figures, Given, TopFrame, Words};
use super::host::kept;
use model::filter::{Field, Filter, Row};

/// A table of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// One row per agent.
    Nodes,
    /// One row per container and unit on each node.
    Workloads,
}

/// Identity of a row across frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A node.
    Node(FleetAgent),
    /// A workload on a node: namespace, pod, container, unit.
    Workload(FleetAgent, [Option<String>; 4]),
}

impl Feed for Prometheus {
    type Frame = FleetDocument<Fleet>;

    fn label(&self) -> String {
        self.label()
    }

    async fn frame(&self) -> anyhow::Result<FleetDocument<Fleet>> {
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

fn words(counts: Option<&Vec<VerdictCount>>) -> Option<String> {
    counts
        .filter(|all| !all.is_empty())
        .map(|all| verdicts(all))
}

impl TopFrame for FleetDocument<Fleet> {
    type View = View;
    type Column = Column;
    type Identity = Identity;

    const VIEWS: [(View, &'static str, ViewName); 2] = [
        (View::Nodes, "Nodes", ViewName::Nodes),
        (View::Workloads, "Workloads", ViewName::Workloads),
    ];
    const FIELDS: &'static [Field] = &[
        Field::Zombies,
        Field::Age,
        Field::Node,
        Field::Namespace,
        Field::Pod,
        Field::Container,
        Field::Unit,
        Field::Why,
        Field::Stale,
        Field::Growth,
        Field::Exits,
        Field::Late,
        Field::Stuck,
        Field::Pids,
        Field::Lost,
    ];
    const WORDS: Words = Words {
        row: "node or workload",
        search: "a name",
        filter: "stale>0 and ns=shop",
        copied: "name of the node",
        stuck: "",
        notes: &[
            "All figures are from the last scrape; DATA is its age. A DOWN agent was not scraped; \
             unknown values are a dash, never 0.",
            "EXITS/s and P99 (zombie time of reaped processes): over 5 minutes. GROWTH/h (new \
             stale zombies per hour) and LATE (share of late reaps): over 15 minutes. LOST: events \
             since the agent started.",
            "Prometheus has no PIDs; ask the node: `kubectl reapwatch --node NODE top`.",
        ],
    };

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

    fn figures(&self, _: Look) -> Figures {
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

    fn rows(&self, view: View) -> usize {
        match view {
            View::Nodes => self.fleet().nodes.len(),
            View::Workloads => self.fleet().workloads.len(),
        }
    }

    fn identity(&self, view: View, row: usize) -> Identity {
        match view {
            View::Nodes => Identity::Node(self.fleet().nodes[row].agent.clone()),
            View::Workloads => {
                let it = &self.fleet().workloads[row];
                Identity::Workload(it.agent.clone(), it.names().map(Clone::clone))
            }
        }
    }

    fn copied(who: &Identity) -> String {
        let (Identity::Node(agent) | Identity::Workload(agent, _)) = who;
        agent.node.clone()
    }

    fn passing(&self, view: View, filter: &Filter) -> Vec<usize> {
        let rows = 0..self.rows(view);
        rows.filter(|&row| match view {
            View::Nodes => {
                let it = &self.fleet().nodes[row];
                let why = words(it.verdicts.as_ref());
                filter.matches(&node_row(it, why.as_deref()))
            }
            View::Workloads => {
                let it = &self.fleet().workloads[row];
                let why = words(it.verdicts.as_ref());
                filter.matches(&workload_row(it, why.as_deref()))
            }
        })
        .collect()
    }

    fn finds(&self, view: View, row: usize, wanted: &str) -> bool {
        let plain = Look {
            color: false,
            ascii: false,
        };
        let names = match view {
            View::Nodes => fleet::node(&self.fleet().nodes[row].agent, plain),
            View::Workloads => {
                let it = &self.fleet().workloads[row];
                let node = fleet::node(&it.agent, plain);
                format!("{} {node}", fleet::workload(it, plain))
            }
        };
        names.to_lowercase().contains(wanted)
    }

    fn columns(view: View) -> &'static [Column] {
        match view {
            View::Nodes => columns::NODES,
            View::Workloads => columns::WORKLOADS,
        }
    }

    fn idle(&self, view: View) -> &'static [Column] {
        let nodes = &self.fleet().nodes;
        let stuck = nodes.iter().any(|it| it.stuck_exits > Some(0));
        match view {
            View::Workloads if !stuck => &[Column::Stuck],
            _ => &[],
        }
    }

    fn sorts(view: View) -> &'static [Column] {
        match view {
            View::Nodes => &[Column::Stale, Column::Zombies, Column::Agent, Column::Node],
            View::Workloads => &[
                Column::Stale,
                Column::Zombies,
                Column::Exits,
                Column::Workload,
                Column::Node,
            ],
        }
    }

    fn order(&self, view: View, column: Column, a: usize, b: usize) -> Ordering {
        let Fleet { nodes, workloads } = self.fleet();
        match view {
            View::Nodes => column.order_nodes(&nodes[a], &nodes[b]),
            View::Workloads => column.order_workloads(&workloads[a], &workloads[b]),
        }
    }

    fn cell(&self, view: View, column: Column, row: usize, look: Look) -> String {
        match view {
            View::Nodes => column.of_node(&self.fleet().nodes[row], look),
            View::Workloads => column.of_workload(&self.fleet().workloads[row], look),
        }
    }

    fn counts(&self, _: View, _: usize) -> bool {
        true
    }

    fn strong(&self, view: View, column: Column, row: usize) -> bool {
        let (up, stale, stuck) = match view {
            View::Nodes => {
                let it = &self.fleet().nodes[row];
                (it.up, it.stale_zombies, it.stuck_exits)
            }
            View::Workloads => {
                let it = &self.fleet().workloads[row];
                (None, Some(it.stale_zombies), Some(it.stuck_exits))
            }
        };
        match column {
            Column::Agent => up == Some(false),
            Column::Stale | Column::Oldest => stale > Some(0),
            Column::Stuck => stuck > Some(0),
            _ => false,
        }
    }

    fn empty_text(&self, view: View, _: Look) -> String {
        match view {
            View::Nodes => "Prometheus has no data from any agent".to_owned(),
            View::Workloads => format!(
                "no zombies on {}, and no exits there in the last 5 minutes",
                count(self.fleet().nodes.len() as u64, "node")
            ),
        }
    }

    fn detail(&self, look: Look, view: View, who: &Identity, width: usize) -> Vec<Line<'static>> {
        detail(self, look, view, who, width)
    }

    fn head_text(&self, given: &Given<'_>) -> String {
        let (look, frame) = (given.look, self);
        let figures = frame.figures(look);
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

    fn table_text(&self, _: View, _: &[usize], _: Look) -> Option<String> {
        None
    }

    fn keep(mut self, [nodes, workloads]: [Vec<usize>; 2]) -> Self {
        let fleet = &mut self.items[0];
        fleet.nodes = kept(&fleet.nodes, &nodes);
        fleet.workloads = kept(&fleet.workloads, &workloads);
        self
    }
}

fn node_row<'a>(it: &'a FleetNode, why: Option<&'a str>) -> Row<'a> {
    Row {
        zombies: it.zombies,
        age: it.oldest_seconds,
        place: [Some(&it.agent.node), None, None, None, None],
        why,
        stale: it.stale_zombies.map(|stale| stale as f64),
        exits: it.exits_per_second,
        stuck: it.stuck_exits.map(|stuck| stuck as f64),
        pids: pids(it),
        lost: it.lost_events.map(|lost| lost as f64),
        ..Row::default()
    }
}

fn workload_row<'a>(it: &'a FleetWorkload, why: Option<&'a str>) -> Row<'a> {
    Row {
        zombies: Some(it.zombies),
        age: it.oldest_seconds,
        place: [
            Some(&it.agent.node),
            it.namespace.as_deref(),
            it.pod.as_deref(),
            it.container.as_deref(),
            it.unit.as_deref(),
        ],
        why,
        stale: Some(it.stale_zombies as f64),
        growth: it.growth_per_second.map(|growth| growth * 3600.0),
        exits: it.exits_per_second,
        late: it.late_ratio,
        stuck: Some(it.stuck_exits as f64),
        ..Row::default()
    }
}

/// Details of a row, as lines of a given width: all its columns in full, and more.
fn detail(
    frame: &FleetDocument<Fleet>,
    look: Look,
    view: View,
    who: &Identity,
    width: usize,
) -> Vec<Line<'static>> {
    let Some(row) = (0..frame.rows(view)).find(|&row| frame.identity(view, row) == *who) else {
        return vec![Line::raw("Prometheus has no data on it any more.")];
    };
    let (Identity::Node(agent) | Identity::Workload(agent, _)) = who;
    let columns = <FleetDocument<Fleet> as TopFrame>::columns(view);
    let mut lines = vec![
        heading(&frame.cell(view, columns[0], row, look)),
        Line::default(),
    ];
    for &column in &columns[1..] {
        let name = column.layout().head.to_lowercase();
        lines.extend(named(&name, &frame.cell(view, column, row, look), width));
    }
    for (name, text) in [("scraped at", &agent.instance), ("by job", &agent.job)] {
        lines.extend(named(name, &look.clean(text), width));
    }
    lines.push(Line::default());
    if view == View::Nodes {
        let Fleet { nodes, workloads } = frame.fleet();
        let node = &nodes[row];
        let version = node.agent_version.as_deref();
        let version = look.known(version, |it| look.clean(it));
        lines.extend(named("version", &version, width));
        lines.extend(holders(workloads, agent, look));
    }
    let ask = format!(
        "For processes and fixes: kubectl reapwatch --node {} culprits",
        look.clean(&agent.node)
    );
    lines.extend(wrap(&ask, width).into_iter().map(Line::raw));
    lines
}

/// The workloads on a node that hold zombies, worst first.
fn holders(all: &[FleetWorkload], agent: &FleetAgent, look: Look) -> Vec<Line<'static>> {
    let mut rows: Vec<_> = all
        .iter()
        .filter(|it| it.agent == *agent && it.zombies > 0)
        .collect();
    rows.sort_by(|a, b| {
        b.stale_zombies
            .cmp(&a.stale_zombies)
            .then_with(|| down(a.oldest_seconds, b.oldest_seconds))
    });
    let mut lines = vec![Line::default()];
    if rows.is_empty() {
        lines.push(heading("No workload holds zombies"));
    } else {
        lines.push(heading("Workloads with zombies"));
        let columns = [
            Column::Zombies,
            Column::Stale,
            Column::Oldest,
            Column::Workload,
        ];
        let text = |column: Column, text: &str| match column.layout().side {
            Side::Right => format!("{text:>8}  "),
            Side::Left => text.to_owned(),
        };
        let heads = columns.map(|column| text(column, column.layout().head));
        lines.push(Line::raw(heads.concat()));
        for it in rows {
            let cells = columns.map(|column| text(column, &column.of_workload(it, look)));
            lines.push(Line::raw(cells.concat()));
        }
    }
    lines.push(Line::default());
    lines
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
