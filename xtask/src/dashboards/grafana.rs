//! A dashboard as Grafana reads it: the classic schema.

use serde_json::{Value, json};

use super::spec::{Dashboard, Kind, Link, Panel, Query};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;
/// The value of `$S` in a query.
const SELECTION: &str = r#"job=~"$job",instance=~"$instance""#;
/// What `$W` adds to it.
const OF_WORKLOAD: &str = r#"namespace=~"$namespace",pod=~"$pod",unit=~"$unit""#;
/// Alerts of the nodes that are shown, and those of no node.
pub(super) const ALERTS: &str =
    r#"ALERTS{alertname=~"Reapwatch.+",alertstate="firing",instance=~"$instance|"}"#;

/// The JSON of a dashboard, ending in a line feed.
pub(super) fn json(dashboard: &Dashboard) -> String {
    let mut text = serde_json::to_string_pretty(&document(dashboard)).expect("it is plain JSON");
    text.push('\n');
    text
}

/// A query with Grafana's variables in it.
pub(super) fn with_selection(query: &Query) -> String {
    let of_workload = format!("{SELECTION},{OF_WORKLOAD}");
    let expr = query.expr.replace("$W", &of_workload);
    expr.replace("$S", SELECTION)
}

fn document(dashboard: &Dashboard) -> Value {
    json!({
        "uid": format!("reapwatch-{}", dashboard.name),
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["reapwatch"],
        "editable": false,
        "schemaVersion": 39,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "",
        "links": [{
            "type": "dashboards",
            "title": "reapwatch",
            "tags": ["reapwatch"],
            "asDropdown": false,
            "includeVars": true,
            "keepTime": true,
        }],
        "templating": {"list": variables(dashboard.of_workload)},
        "annotations": {"list": [annotation()]},
        "panels": panels(dashboard),
    })
}

/// Where alerts fire, a mark in every graph.
fn annotation() -> Value {
    json!({
        "name": "Alerts",
        "datasource": source(),
        "enable": true,
        "iconColor": "red",
        "expr": ALERTS,
        "step": "60s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}} {{namespace}} {{pod}} {{unit}}",
    })
}

fn variables(of_workload: bool) -> Value {
    let choice = |name: &str, label: &str, all: &str, query: &str| {
        json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": source(),
            "definition": query,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "sort": 1,
            "multi": true,
            "includeAll": true,
            "allValue": all,
            "current": {"text": "All", "value": "$__all"},
        })
    };
    let mut variables = vec![
        json!({
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
        }),
        choice(
            "job",
            "Job",
            ".+",
            "label_values(reapwatch_build_info, job)",
        ),
        choice(
            "instance",
            "Instance",
            ".+",
            r#"label_values(reapwatch_build_info{job=~"$job"}, instance)"#,
        ),
    ];
    if of_workload {
        let mut selection = SELECTION.to_owned();
        for (name, label) in [("namespace", "Namespace"), ("pod", "Pod"), ("unit", "Unit")] {
            let query = format!("label_values(reapwatch_exits_total{{{selection}}}, {name})");
            // A pod has no unit, and a unit no pod.
            variables.push(choice(name, label, ".*", &query));
            if name == "namespace" {
                selection += r#",namespace=~"$namespace""#;
            }
        }
    }
    json!(variables)
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "$datasource"})
}

fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let mut panels = Vec::new();
    let mut y = 0;
    for row in &dashboard.rows {
        let width = COLUMNS / row.panels.len() as u32;
        for (place, panel) in row.panels.iter().enumerate() {
            let place = json!({"x": place as u32 * width, "y": y, "w": width, "h": row.height});
            panels.push(panel_json(panel, panels.len() + 1, &place));
        }
        y += row.height;
    }
    panels
}

fn panel_json(panel: &Panel, id: usize, place: &Value) -> Value {
    let (kind, options) = kind_and_options(panel.kind);
    let is_table = panel.kind == Kind::Table;
    let targets: Vec<_> = panel
        .queries
        .iter()
        .zip('A'..='Z')
        .map(|(query, letter)| {
            json!({
                "refId": letter.to_string(),
                "datasource": source(),
                "expr": with_selection(query),
                "legendFormat": query.legend,
                "format": match panel.kind {
                    Kind::Table => "table",
                    Kind::Heatmap => "heatmap",
                    Kind::Timeseries | Kind::Stat => "time_series",
                },
                "instant": is_table,
                "range": !is_table,
            })
        })
        .collect();
    json!({
        "id": id,
        "type": kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": source(),
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": thresholds(panel),
                "links": links(panel),
            },
            "overrides": [],
        },
        "options": options,
        "transformations": if is_table { hide_time() } else { json!([]) },
        "targets": targets,
    })
}

/// The dashboard behind a row or line, for the same data source, jobs and time.
fn links(panel: &Panel) -> Value {
    let Some(link) = panel.link else {
        return json!([]);
    };
    let value = |label: &str| match panel.kind {
        Kind::Table => format!("var-{label}=${{__data.fields.{label}}}"),
        _ => format!("var-{label}=${{__field.labels.{label}}}"),
    };
    // Lines of one node do not name it.
    let mut queries = panel.queries.iter();
    let by_instance =
        queries.all(|it| it.expr.contains("instance") || it.legend.contains("instance"));
    let instance = if by_instance {
        value("instance")
    } else {
        "${instance:queryparam}".to_owned()
    };
    let (title, name, labels) = match link {
        Link::Node => ("Show this node", "node", vec![]),
        Link::Workload => {
            let labels = ["namespace", "pod", "unit"].map(value);
            ("Show this workload", "workload", labels.to_vec())
        }
    };
    let chosen = ["${datasource:queryparam}", "${job:queryparam}", &instance];
    let chosen = chosen.into_iter().map(str::to_owned).chain(labels);
    let chosen: Vec<_> = chosen.chain(["${__url_time_range}".to_owned()]).collect();
    let url = format!("/d/reapwatch-{name}?{}", chosen.join("&"));
    json!([{"title": title, "url": url}])
}

fn kind_and_options(kind: Kind) -> (&'static str, Value) {
    match kind {
        Kind::Stat => (
            "stat",
            json!({
                "colorMode": "value",
                "graphMode": "area",
                "reduceOptions": {"calcs": ["lastNotNull"]},
            }),
        ),
        Kind::Timeseries => (
            "timeseries",
            json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
        ),
        Kind::Heatmap => (
            "heatmap",
            json!({"calculate": false, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}}),
        ),
        Kind::Table => ("table", json!({"showHeader": true})),
    }
}

/// A table shows labels and one value, without the time of the sample.
fn hide_time() -> Value {
    json!([{"id": "organize", "options": {"excludeByName": {"Time": true}}}])
}

fn thresholds(panel: &Panel) -> Value {
    let step = |color: &str, value: Option<f64>| json!({"color": color, "value": value});
    let steps = match (panel.red_below, panel.orange_from, panel.red_from) {
        (None, None, None) => vec![step("text", None)],
        (Some(limit), ..) => vec![step("red", None), step("green", Some(limit))],
        (None, orange, red) => {
            let above = [("orange", orange), ("red", red)];
            let above = above.into_iter().filter(|(_, from)| from.is_some());
            let above = above.map(|(color, from)| step(color, from));
            [step("green", None)].into_iter().chain(above).collect()
        }
    };
    json!({"mode": "absolute", "steps": steps})
}
