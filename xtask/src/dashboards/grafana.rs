//! A dashboard as Grafana reads it: the classic schema.

use serde_json::{Value, json};

use super::spec::{Dashboard, Kind, Panel, Query};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;
/// The value of `$S` in a query.
const SELECTION: &str = r#"job=~"$job",instance=~"$instance""#;

/// The JSON of a dashboard, ending in a line feed.
pub(super) fn json(dashboard: &Dashboard) -> String {
    let mut text = serde_json::to_string_pretty(&document(dashboard)).expect("it is plain JSON");
    text.push('\n');
    text
}

/// A query with Grafana's variables in it.
pub(super) fn with_selection(query: &Query) -> String {
    query.expr.replace("$S", SELECTION)
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
        "templating": {"list": variables()},
        "annotations": {"list": []},
        "panels": panels(dashboard),
    })
}

fn variables() -> Value {
    let choice = |name: &str, label: &str, query: &str| {
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
            "allValue": ".+",
            "current": {"text": "All", "value": "$__all"},
        })
    };
    json!([
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
        },
        choice("job", "Job", "label_values(reapwatch_build_info, job)"),
        choice("instance", "Instance", r#"label_values(reapwatch_build_info{job=~"$job"}, instance)"#),
    ])
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
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": thresholds(panel)},
            "overrides": [],
        },
        "options": options,
        "transformations": if is_table { hide_time() } else { json!([]) },
        "targets": targets,
    })
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
        (None, orange, red) => vec![
            step("green", None),
            step("orange", orange),
            step("red", red),
        ],
    };
    json!({"mode": "absolute", "steps": steps})
}
