//! Checks that every query of a dashboard or rule uses existing metrics, each by its kind.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{grafana, spec};
use crate::prometheus::server::Prometheus;
use crate::workspace;

/// Functions of the growth of a counter.
const OF_COUNTERS: [&str; 3] = ["rate", "increase", "irate"];
/// Functions of a range of a gauge.
const OF_GAUGES: [&str; 2] = ["deriv", "predict_linear"];

#[derive(Deserialize)]
struct Rule {
    record: Option<String>,
    expr: String,
}

/// The rules of `dashboards/rules/NAME.yaml`.
pub(super) fn rules<T: DeserializeOwned>(name: &str) -> Result<Vec<T>> {
    #[derive(Deserialize)]
    struct Rules<T> {
        groups: Vec<Group<T>>,
    }
    #[derive(Deserialize)]
    struct Group<T> {
        rules: Vec<T>,
    }
    let path = workspace::root().join(format!("dashboards/rules/{name}.yaml"));
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let rules: Rules<T> = serde_saphyr::from_str(&text).with_context(|| format!("parse {name}"))?;
    Ok(rules.groups.into_iter().flat_map(|it| it.rules).collect())
}

/// Parses every query with this Prometheus and checks its selectors.
pub(super) fn check(prometheus: &Prometheus) -> Result<()> {
    let mut kinds = metric_kinds()?;
    for dashboard in spec::all()? {
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            for query in &panel.queries {
                let text = grafana::with_selection(query).replace("$__rate_interval", "5m");
                check_query(prometheus, &text, &kinds, true)
                    .with_context(|| format!("{}: {}", dashboard.name, panel.title))?;
            }
        }
    }
    prometheus.parse(grafana::ALERTS)?;
    let recording: Vec<Rule> = rules("recording")?;
    for name in recording.iter().filter_map(|rule| rule.record.clone()) {
        kinds.insert(name, "gauge".to_owned());
    }
    for rule in recording.iter().chain(&rules("alerts")?) {
        check_query(prometheus, &rule.expr, &kinds, false)?;
    }
    Ok(())
}

fn check_query(
    prometheus: &Prometheus,
    text: &str,
    kinds: &BTreeMap<String, String>,
    of_dashboard: bool,
) -> Result<()> {
    let tree = prometheus.parse(text)?;
    check_node(&tree, "", kinds, of_dashboard).with_context(|| format!("in `{text}`"))
}

/// Walks the syntax tree; `function` is the one that gets the node as an argument.
fn check_node(
    node: &Value,
    function: &str,
    kinds: &BTreeMap<String, String>,
    of_dashboard: bool,
) -> Result<()> {
    let kind = node["type"].as_str().unwrap_or_default();
    if kind == "vectorSelector" || kind == "matrixSelector" {
        let name = node["name"].as_str().unwrap_or_default();
        if of_dashboard {
            for (label, value) in [("job", "$job"), ("instance", "$instance")] {
                let mut matchers = node["matchers"].as_array().into_iter().flatten();
                let selected = matchers.any(|it| it["name"] == label && it["value"] == value);
                ensure!(selected, "{name} is not restricted to {value}");
            }
        }
        return check_selector(name, function, kind == "matrixSelector", kinds);
    }
    let function = match kind {
        "call" => node["func"]["name"].as_str().unwrap_or_default(),
        "parenExpr" | "unaryExpr" => function,
        _ => "",
    };
    let arguments = node["args"].as_array().into_iter().flatten();
    let operands = ["expr", "lhs", "rhs"].into_iter();
    for child in arguments.chain(operands.filter_map(|key| node.get(key))) {
        check_node(child, function, kinds, of_dashboard)?;
    }
    Ok(())
}

/// Counters and the series of histograms are only used as a rate; gauges never are.
fn check_selector(
    name: &str,
    function: &str,
    has_range: bool,
    kinds: &BTreeMap<String, String>,
) -> Result<()> {
    let of_histogram = ["_bucket", "_count", "_sum"]
        .into_iter()
        .find_map(|end| kinds.get(name.strip_suffix(end)?))
        .is_some_and(|kind| kind == "histogram");
    let kind = match kinds.get(name) {
        _ if of_histogram => "counter",
        kind => kind.map_or("unknown", String::as_str),
    };
    let right = match kind {
        "counter" => has_range && OF_COUNTERS.contains(&function),
        "gauge" => !has_range || OF_GAUGES.contains(&function),
        _ => bail!("no metric {name} in docs/metrics.md"),
    };
    ensure!(right, "{name} is a {kind}");
    Ok(())
}

/// The kinds of all metrics, from the page that is generated from the agent's registry.
fn metric_kinds() -> Result<BTreeMap<String, String>> {
    let page = fs::read_to_string(workspace::root().join("docs/metrics.md"))
        .context("read docs/metrics.md")?;
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.trim_end_matches('`');
        Some((name.to_owned(), cells.next()?.to_owned()))
    });
    // Prometheus itself has the metric `up`.
    let up = ("up".to_owned(), "gauge".to_owned());
    let is_kind = |kind: &str| ["counter", "gauge", "histogram"].contains(&kind);
    Ok(rows.filter(|(_, kind)| is_kind(kind)).chain([up]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_used_by_its_kind() {
        let kinds = [("a_total", "counter"), ("b", "gauge"), ("c", "histogram")];
        let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        let kinds = BTreeMap::from(kinds);
        let is_right =
            |name, function, range| check_selector(name, function, range, &kinds).is_ok();
        assert!(is_right("a_total", "rate", true));
        assert!(is_right("b", "", false));
        assert!(is_right("b", "deriv", true));
        assert!(is_right("c_bucket", "rate", true));
        assert!(!is_right("a_total", "", false));
        assert!(!is_right("b", "rate", true));
        assert!(!is_right("c_bucket", "", false));
        assert!(!is_right("d", "", false));
    }

    #[test]
    fn a_dashboard_query_must_select_job_and_instance() {
        let tree = serde_json::json!({
            "type": "call", "func": {"name": "rate"},
            "args": [{"type": "matrixSelector", "name": "a_total", "matchers": []}],
        });
        let kinds = BTreeMap::from([("a_total".to_owned(), "counter".to_owned())]);
        assert!(check_node(&tree, "", &kinds, false).is_ok());
        assert!(check_node(&tree, "", &kinds, true).is_err());
    }
}
