//! The files of `dashboards/` as they are checked in, against the rules of Grafana's
//! dashboard-linter for Prometheus. `queries.rs` checks the queries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde_json::Value;

use super::queries::rules;
use super::{file, grafana, spec};
use crate::workspace;

#[derive(Deserialize)]
struct RecordingRule {
    record: String,
}

#[derive(Deserialize)]
struct AlertingRule {
    alert: String,
    #[serde(rename = "for")]
    wait: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[test]
fn generated_files_match_their_sources() {
    for dashboard in spec::all().unwrap() {
        let written = fs::read_to_string(file(&dashboard)).unwrap_or_default();
        assert!(
            written == grafana::json(&dashboard),
            "dashboards/{}.json: run `cargo xtask dashboards`",
            dashboard.name
        );
    }
}

#[test]
fn each_dashboard_passes_the_linter() {
    for (name, board) in boards() {
        assert_eq!(board["editable"], false, "{name}");
        let variables = board["templating"]["list"].as_array().expect("a list");
        let names: Vec<_> = variables.iter().map(|v| v["name"].as_str()).collect();
        let known = ["datasource", "job", "instance", "namespace", "pod", "unit"];
        let wanted = if name == "workload" { 6 } else { 3 };
        assert_eq!(names, known.map(Some)[..wanted], "{name}");
        assert_eq!(variables[0]["query"], "prometheus", "{name}");
        for (n, choice) in variables.iter().enumerate().skip(1) {
            assert_eq!(choice["datasource"]["uid"], "$datasource", "{name}");
            let all = if n < 3 { ".+" } else { ".*" };
            assert_eq!(
                (&choice["multi"], &choice["allValue"], &choice["refresh"]),
                (&true.into(), &all.into(), &2.into()),
                "{name}"
            );
        }
        let panels = panels(&board);
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}: each panel has its own id");
        for panel in panels {
            let about = format!("{name}: {}", panel["title"]);
            for text in [
                &panel["title"],
                &panel["description"],
                &panel["fieldConfig"]["defaults"]["unit"],
            ] {
                assert!(
                    text.as_str().is_some_and(|text| !text.is_empty()),
                    "{about}"
                );
            }
            assert_eq!(panel["datasource"]["uid"], "$datasource", "{about}");
            assert!(!queries(panel).is_empty(), "{about} asks nothing");
        }
    }
}

#[test]
fn links_lead_to_dashboards_by_labels_of_the_query() {
    let boards = boards();
    let uids: BTreeSet<_> = boards
        .iter()
        .map(|(_, board)| board["uid"].as_str())
        .collect();
    let mut reached = BTreeSet::new();
    for (name, board) in &boards {
        for panel in panels(board) {
            let about = format!("{name}: {}", panel["title"]);
            let links = panel["fieldConfig"]["defaults"]["links"].as_array();
            for link in links.expect("a list") {
                let url = link["url"].as_str().expect("a text");
                let (path, chosen) = url.split_once('?').expect("it chooses");
                let uid = path.strip_prefix("/d/").expect("a dashboard");
                assert!(uids.contains(&Some(uid)), "{about}: {url}");
                reached.insert(uid.to_owned());
                let labels = chosen.split('&').filter_map(|it| it.strip_prefix("var-"));
                for label in labels.filter_map(|it| it.split_once('=')).map(|it| it.0) {
                    let kept = [format!("{label},"), format!("{label})")];
                    let asks = |text: &str| {
                        !text.contains(" by (") || kept.iter().any(|kept| text.contains(kept))
                    };
                    assert!(queries(panel).into_iter().all(asks), "{about}: {label}");
                }
            }
        }
    }
    let wanted = ["reapwatch-node", "reapwatch-workload"].map(str::to_owned);
    assert_eq!(reached, wanted.into());
}

#[test]
fn panels_do_not_overlap() {
    for (name, board) in boards() {
        let mut taken = BTreeSet::new();
        for panel in panels(&board) {
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
            assert!(at("x") + at("w") <= 24, "{name}: {}", panel["title"]);
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{name}: {}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn ranges_follow_the_scrape_interval() {
    for (name, board) in boards() {
        for text in panels(&board).iter().flat_map(queries) {
            let ranges = text.matches('[').count();
            let right = text.matches("[$__rate_interval]").count();
            assert_eq!(ranges, right, "{name}: {text}");
        }
    }
}

#[test]
fn recording_rules_are_named_level_metric_operations() {
    for rule in rules::<RecordingRule>("recording").unwrap() {
        assert_eq!(rule.record.split(':').count(), 3, "{}", rule.record);
    }
}

#[test]
fn each_alert_has_annotations_a_runbook_section_and_a_test() {
    let runbook =
        fs::read_to_string(workspace::root().join("docs/runbook.md")).expect("it is there");
    // Behind these come sections on verdicts.
    let sections: BTreeSet<_> = runbook
        .lines()
        .take_while(|line| !line.starts_with("# Verdicts"))
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let alerts: Vec<AlertingRule> = rules("alerts").unwrap();
    let names: BTreeSet<_> = alerts.iter().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(
        names, sections,
        "each alert has a section, each section an alert"
    );
    for rule in &alerts {
        let name = &rule.alert;
        assert!(!rule.wait.is_empty(), "{name}");
        assert!(
            ["info", "warning", "critical"].contains(&&*rule.labels["severity"]),
            "{name}"
        );
        let words: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(words, ["description", "runbook_url", "summary"], "{name}");
        let anchor = format!("docs/runbook.md#{}", name.to_lowercase());
        assert!(rule.annotations["runbook_url"].ends_with(&anchor), "{name}");
        let path = workspace::root().join(format!("dashboards/rules/tests/{name}.yaml"));
        let test = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let asked = test.matches(&format!("alertname: {name}\n")).count();
        let (fires, silent) = (
            test.matches("exp_labels").count(),
            test.matches("exp_alerts: []").count(),
        );
        assert_eq!(
            (asked, fires, silent),
            (2, 1, 1),
            "{name}: fires once, stays silent once"
        );
    }
}

fn boards() -> Vec<(&'static str, Value)> {
    let dashboards = spec::all().unwrap().into_iter();
    dashboards
        .map(|dashboard| {
            let text = fs::read_to_string(file(&dashboard)).expect("the file exists");
            (dashboard.name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().expect("a list")
}

fn queries(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().expect("a list");
    targets
        .iter()
        .map(|target| target["expr"].as_str().expect("a text"))
        .collect()
}
