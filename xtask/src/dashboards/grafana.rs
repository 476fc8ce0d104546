//! A dashboard as Grafana reads it: the classic schema.

use serde_json::{Value, json};

use super::spec::{Dashboard, Limits, Look, Panel, Query};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;
/// What `$S` in a query stands for.
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
    for row in dashboard.rows {
        let width = COLUMNS / row.panels.len() as u32;
        for (place, panel) in row.panels.iter().enumerate() {
            let place = json!({"x": place as u32 * width, "y": y, "w": width, "h": row.height});
            panels.push(draw(panel, panels.len() + 1, &place));
        }
        y += row.height;
    }
    panels
}

fn draw(panel: &Panel, id: usize, place: &Value) -> Value {
    let (kind, options) = look(panel.look);
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
                "format": match panel.look {
                    Look::Table => "table",
                    Look::Heat => "heatmap",
                    Look::Lines | Look::Number(_) => "time_series",
                },
                "instant": panel.look == Look::Table,
                "range": panel.look != Look::Table,
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
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": thresholds(panel.look)},
            "overrides": [],
        },
        "options": options,
        "transformations": if panel.look == Look::Table { tidy() } else { json!([]) },
        "targets": targets,
    })
}

fn look(look: Look) -> (&'static str, Value) {
    match look {
        Look::Number(_) => (
            "stat",
            json!({
                "colorMode": "value",
                "graphMode": "area",
                "reduceOptions": {"calcs": ["lastNotNull"]},
            }),
        ),
        Look::Lines => (
            "timeseries",
            json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
        ),
        Look::Heat => (
            "heatmap",
            json!({"calculate": false, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}}),
        ),
        Look::Table => ("table", json!({"showHeader": true})),
    }
}

/// A table of labels and one value, without the time of the sample.
fn tidy() -> Value {
    json!([{"id": "organize", "options": {"excludeByName": {"Time": true}}}])
}

fn thresholds(look: Look) -> Value {
    let thousandths = |value: u32| f64::from(value) / 1000.0;
    let steps = match look {
        Look::Number(Limits::At { orange, red }) => json!([
            {"color": "green", "value": null},
            {"color": "orange", "value": thousandths(orange)},
            {"color": "red", "value": thousandths(red)},
        ]),
        Look::Number(Limits::Below(limit)) => json!([
            {"color": "red", "value": null},
            {"color": "green", "value": thousandths(limit)},
        ]),
        _ => json!([{"color": "text", "value": null}]),
    };
    json!({"mode": "absolute", "steps": steps})
}
