//! Asks a real Prometheus what each panel asks.

use anyhow::Result;

use super::ALL;
use super::spec::Query;
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

/// A panel, and whether all its queries have data.
pub(crate) struct Answered {
    pub(crate) dashboard: &'static str,
    pub(crate) panel: &'static str,
    pub(crate) has_data: bool,
}

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = if self.has_data { "data" } else { "EMPTY" };
        write!(f, "{:6} {:36} {said}", self.dashboard, self.panel)
    }
}

/// Asks for each panel.
pub(crate) fn answered(prometheus: &Prometheus) -> Result<Vec<Answered>> {
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
            answers.push(Answered {
                dashboard: dashboard.name,
                panel: panel.title,
                has_data: all,
            });
        }
    }
    Ok(answers)
}
