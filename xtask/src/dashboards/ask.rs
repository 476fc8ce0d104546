//! Runs the query of each panel against a real Prometheus.

use anyhow::Result;

use super::{grafana, spec};
use crate::prometheus::server::Prometheus;

/// Values for Grafana's variables: every agent, over some scrapes.
const VARIABLES: [(&str, &str); 6] = [
    ("$job", ".+"),
    ("$instance", ".+"),
    ("$namespace", ".*"),
    ("$pod", ".*"),
    ("$unit", ".*"),
    ("$__rate_interval", "10s"),
];

/// A panel, and whether all its queries have data.
pub(crate) struct Answered {
    pub(crate) dashboard: &'static str,
    pub(crate) panel: String,
    pub(crate) has_data: bool,
}

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let result = if self.has_data { "data" } else { "EMPTY" };
        write!(f, "{:6} {:36} {result}", self.dashboard, self.panel)
    }
}

/// Queries every panel.
pub(crate) fn answered(prometheus: &Prometheus) -> Result<Vec<Answered>> {
    let mut answers = Vec::new();
    for dashboard in spec::all()? {
        for panel in dashboard.rows.into_iter().flat_map(|row| row.panels) {
            let mut has_data = true;
            for query in &panel.queries {
                let mut expr = grafana::with_selection(query);
                for (name, value) in VARIABLES {
                    expr = expr.replace(name, value);
                }
                has_data &= prometheus.has_data(&expr)?;
            }
            answers.push(Answered {
                dashboard: dashboard.name,
                panel: panel.title,
                has_data,
            });
        }
    }
    Ok(answers)
}
