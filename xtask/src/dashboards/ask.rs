//! Asks a real Prometheus what each panel asks.

use anyhow::Result;

use super::ALL;
use super::spec::{Dashboard, Panel, Query};
use crate::prometheus::server::Prometheus;

/// What Grafana's variables stand for here: everything, over some scrapes.
const VARIABLES: [(&str, &str); 3] = [
    ("$job", ".+"),
    ("$instance", ".+"),
    ("$__rate_interval", "10s"),
];

/// A query as Prometheus gets it.
pub(super) fn concrete(query: &Query) -> String {
    let mut text = super::grafana::with_selection(query);
    for (name, value) in VARIABLES {
        text = text.replace(name, value);
    }
    text
}

/// Each panel, and whether all its queries have data.
pub(super) fn answered(
    prometheus: &Prometheus,
) -> Result<Vec<(&'static Dashboard, &'static Panel, bool)>> {
    let mut answers = Vec::new();
    for dashboard in ALL {
        for panel in dashboard.rows.iter().flat_map(|row| row.panels) {
            let mut all = true;
            for query in panel.queries {
                all &= !prometheus
                    .now(&concrete(query))?
                    .iter()
                    .all(|series| series.points().is_empty());
            }
            answers.push((dashboard, panel, all));
        }
    }
    Ok(answers)
}
