//! Checks the files of `dashboards/` as they are checked in: the rules of Grafana's
//! dashboard-linter for Prometheus, and that each query asks for metrics that exist, by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use promql_parser::label::Matchers;
use promql_parser::parser::{self, Expr, VectorSelector};
use serde::Deserialize;
use serde_json::Value;

use super::{ALL, file, grafana};
use crate::workspace;

/// Metrics of Prometheus itself.
const OTHERS: [(&str, &str); 1] = [("up", "gauge")];
/// Functions that take a counter's growth.
const OF_COUNTERS: [&str; 3] = ["rate", "increase", "irate"];
/// Functions that take a range of a gauge.
const OF_GAUGES: [&str; 2] = ["deriv", "predict_linear"];

#[test]
fn the_files_are_what_their_description_gives() {
    for dashboard in ALL {
        let written = fs::read_to_string(file(dashboard)).unwrap_or_default();
        assert!(
            written == grafana::json(dashboard),
            "dashboards/{}.json: run `cargo xtask dashboards`",
            dashboard.name
        );
    }
}

#[test]
fn each_dashboard_obeys_the_linter() {
    for (name, board) in boards() {
        assert_eq!(board["editable"], false, "{name}");
        let variables = board["templating"]["list"].as_array().expect("a list");
        let names: Vec<_> = variables.iter().map(|v| v["name"].as_str()).collect();
        assert_eq!(names, [Some("datasource"), Some("job"), Some("instance")]);
        assert_eq!(variables[0]["query"], "prometheus", "{name}");
        for choice in &variables[1..] {
            assert_eq!(choice["datasource"]["uid"], "$datasource", "{name}");
            assert_eq!(
                (&choice["multi"], &choice["allValue"], &choice["refresh"]),
                (&true.into(), &".+".into(), &2.into()),
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
fn each_panel_asks_for_metrics_that_exist() {
    let metrics = metrics();
    for (name, board) in boards() {
        for panel in panels(&board) {
            for text in queries(panel) {
                let about = format!("{name}: {}: {text}", panel["title"]);
                assert!(
                    text.matches('[').count() == text.matches("[$__rate_interval]").count(),
                    "{about}: another range than $__rate_interval"
                );
                let expr = parse(&text.replace("$__rate_interval", "5m"), &about);
                check(&expr, None, &metrics, &mut |selector| {
                    for (label, choice) in [("job", "$job"), ("instance", "$instance")] {
                        assert!(
                            has(&selector.matchers, label, choice),
                            "{about}: no {label}"
                        );
                    }
                });
            }
        }
    }
}

#[test]
fn each_rule_asks_for_metrics_that_exist() {
    let mut metrics = metrics();
    let recording = rules("recording");
    for rule in &recording {
        let name = rule.record.clone().expect("a recording rule");
        assert_eq!(
            name.split(':').count(),
            3,
            "level:metric:operations, {name}"
        );
        metrics.insert(name, "gauge".to_owned());
    }
    for rule in recording.iter().chain(&rules("alerts")) {
        check(&parse(&rule.expr, &rule.expr), None, &metrics, &mut |_| ());
    }
}

#[test]
fn each_alert_has_its_words_its_section_and_its_test() {
    let runbook =
        fs::read_to_string(workspace::root().join("docs/runbook.md")).expect("it is there");
    // Behind these come sections on verdicts.
    let sections: BTreeSet<_> = runbook
        .lines()
        .take_while(|line| !line.starts_with("# Verdicts"))
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let alerts = rules("alerts");
    let names: BTreeSet<_> = alerts
        .iter()
        .filter_map(|rule| rule.alert.as_deref())
        .collect();
    assert_eq!(
        names, sections,
        "each alert has a section, each section an alert"
    );
    for rule in &alerts {
        let name = rule.alert.as_deref().expect("an alert");
        assert!(rule.wait.is_some(), "{name} waits for no time");
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

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    wait: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn rules(name: &str) -> Vec<Rule> {
    let path = workspace::root().join(format!("dashboards/rules/{name}.yaml"));
    let text = fs::read_to_string(path).expect("it is there");
    let rules: Rules = serde_saphyr::from_str(&text).expect("it is as Prometheus wants it");
    rules
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect()
}

fn boards() -> Vec<(&'static str, Value)> {
    let read = |dashboard| fs::read_to_string(file(dashboard)).expect("it is there");
    ALL.iter()
        .map(|dashboard| {
            (
                dashboard.name,
                serde_json::from_str(&read(dashboard)).expect("JSON"),
            )
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

/// The kinds of all metrics, from the page that is generated from the agent's registry.
fn metrics() -> BTreeMap<String, String> {
    let page = fs::read_to_string(workspace::root().join("docs/metrics.md")).expect("it is there");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.trim_end_matches('`');
        Some((name.to_owned(), cells.next()?.to_owned()))
    });
    rows.filter(|(_, kind)| ["counter", "gauge", "histogram"].contains(&kind.as_str()))
        .chain(OTHERS.map(|(name, kind)| (name.to_owned(), kind.to_owned())))
        .collect()
}

fn parse(text: &str, about: &str) -> Expr {
    parser::parse(text).unwrap_or_else(|error| panic!("{about}: {error}"))
}

fn has(matchers: &Matchers, label: &str, value: &str) -> bool {
    let mut all = matchers.matchers.iter();
    all.any(|matcher| matcher.name == label && matcher.value == value)
}

/// Walks a query; `function` is the one around.
fn check(
    expr: &Expr,
    function: Option<&str>,
    metrics: &BTreeMap<String, String>,
    each: &mut impl FnMut(&VectorSelector),
) {
    let mut on = |expr: &Expr, function| check(expr, function, metrics, each);
    match expr {
        Expr::Aggregate(aggregate) => on(&aggregate.expr, None),
        Expr::Unary(unary) => on(&unary.expr, function),
        Expr::Paren(paren) => on(&paren.expr, function),
        Expr::Subquery(subquery) => on(&subquery.expr, None),
        Expr::Binary(binary) => {
            on(&binary.lhs, function);
            on(&binary.rhs, function);
        }
        Expr::Call(call) => {
            for argument in &call.args.args {
                on(argument, Some(call.func.name));
            }
        }
        Expr::MatrixSelector(matrix) => {
            is_right(&matrix.vs, function, true, metrics);
            each(&matrix.vs);
        }
        Expr::VectorSelector(selector) => {
            is_right(selector, function, false, metrics);
            each(selector);
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => (),
    }
}

/// A counter is asked for its growth, a gauge never for that, a histogram for its buckets.
fn is_right(
    selector: &VectorSelector,
    function: Option<&str>,
    range: bool,
    metrics: &BTreeMap<String, String>,
) {
    let name = selector.name.as_deref().expect("a metric has a name");
    let of_histogram = ["_bucket", "_count", "_sum"]
        .into_iter()
        .find_map(|end| metrics.get(name.strip_suffix(end)?))
        .is_some_and(|kind| kind == "histogram");
    let kind = if of_histogram {
        "counter"
    } else {
        metrics.get(name).map_or("unknown", String::as_str)
    };
    let function = function.unwrap_or_default();
    match kind {
        "counter" => assert!(
            range && OF_COUNTERS.contains(&function),
            "{name} is a counter"
        ),
        "gauge" => assert!(!range || OF_GAUGES.contains(&function), "{name} is a gauge"),
        other => panic!("{name} is {other}"),
    }
}
