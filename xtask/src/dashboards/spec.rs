//! The description of a dashboard, from which Grafana's JSON is written.

use anyhow::{Context, Result};
use serde::Deserialize;

/// Name of the JSON file and end of the dashboard's uid, with the description.
const DESCRIPTIONS: [(&str, &str); 4] = [
    ("fleet", include_str!("fleet.yaml")),
    ("node", include_str!("node.yaml")),
    ("workload", include_str!("workload.yaml")),
    ("agent", include_str!("agent.yaml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    #[serde(skip)]
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) about: String,
    /// Whether namespace, pod and unit are chosen too.
    #[serde(default)]
    pub(super) of_workload: bool,
    /// From top to bottom.
    pub(super) rows: Vec<Row>,
}

/// Panels of one height side by side, all equally wide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// In Grafana's units, of about 30 pixels.
    pub(super) height: u32,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Panel {
    pub(super) title: String,
    /// What it shows, and what a high value means.
    pub(super) about: String,
    pub(super) kind: Kind,
    /// One of Grafana's units.
    pub(super) unit: String,
    /// From this value on a stat is orange.
    pub(super) orange_from: Option<f64>,
    /// From this value on a stat is red.
    pub(super) red_from: Option<f64>,
    /// Below this value a stat is red, otherwise green.
    pub(super) red_below: Option<f64>,
    /// The dashboard to which a row or line of it leads.
    pub(super) link: Option<Link>,
    pub(super) queries: Vec<Query>,
}

/// Where a row or line leads: its labels choose what is shown there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Link {
    Node,
    Workload,
}

/// Grafana's name of the panel type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Stat,
    Timeseries,
    Heatmap,
    Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// PromQL; `$S` stands for the selection of job and instance, `$W` for that of a workload too.
    pub(super) expr: String,
    /// The name of a line; Grafana fills in `{{label}}`.
    #[serde(default)]
    pub(super) legend: String,
}

/// All dashboards.
pub(super) fn all() -> Result<Vec<Dashboard>> {
    let read = |(name, text): (&'static str, &str)| {
        let dashboard: Dashboard =
            serde_saphyr::from_str(text).with_context(|| format!("parse {name}.yaml"))?;
        Ok(Dashboard { name, ..dashboard })
    };
    DESCRIPTIONS.into_iter().map(read).collect()
}
