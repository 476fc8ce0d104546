//! Prometheus as the operator would configure it, from our PodMonitor and our PrometheusRule in the
//! API server.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::control_plane::{certificate, token_of};
use super::kubectl::{self, ADMIN};
use super::namespaces::file;
use super::network::API_SERVER;
use super::rules;
use crate::prometheus::server::Prometheus;

const NAMESPACE: &str = "--namespace=reapwatch";

/// Starts it, with the pods that the API server lists and with shorter times of the rules.
pub(super) fn start() -> Result<Prometheus> {
    let monitor = kubectl::get(&["podmonitor", "reapwatch", NAMESPACE])?;
    let rule = kubectl::get(&["prometheusrule", "reapwatch", NAMESPACE])?;
    let path = write_rules(&rule["spec"])?;
    Prometheus::start_with(&json!([scraped(&monitor["spec"])?]), &[&path])
}

fn write_rules(spec: &Value) -> Result<PathBuf> {
    let path = file("rules.json");
    fs::write(&path, rules::shorter(spec).to_string()).context("write the rules")?;
    Ok(path)
}

/// What the operator makes of a PodMonitor:
/// <https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor>.
fn scraped(spec: &Value) -> Result<Value> {
    let endpoint = &spec["podMetricsEndpoints"][0];
    let labels = spec["selector"]["matchLabels"].as_object();
    let labels = labels.context("it selects by labels")?;
    let mut steps: Vec<_> = labels.iter().map(selected).collect();
    steps.push(json!({
        "source_labels": ["__meta_kubernetes_pod_container_port_name"],
        "regex": endpoint["port"],
        "action": "keep",
    }));
    for (from, to) in [
        ("__meta_kubernetes_namespace", "namespace"),
        ("__meta_kubernetes_pod_container_name", "container"),
        ("__meta_kubernetes_pod_name", "pod"),
    ] {
        steps.push(json!({"source_labels": [from], "target_label": to}));
    }
    let own = endpoint["relabelings"].as_array();
    steps.extend(own.into_iter().flatten().map(in_prometheus_words));
    Ok(json!({
        "job_name": "reapwatch/reapwatch",
        "honor_labels": endpoint["honorLabels"],
        "kubernetes_sd_configs": [{
            "role": "pod",
            "namespaces": {"names": ["reapwatch"]},
            "api_server": format!("https://{API_SERVER}"),
            "authorization": {"credentials": token_of(ADMIN)},
            "tls_config": {"ca_file": certificate()},
        }],
        "relabel_configs": steps,
    }))
}

/// Keeps pods with a label.
fn selected((name, value): (&String, &Value)) -> Value {
    let name = name.replace(|letter: char| !letter.is_alphanumeric(), "_");
    json!({
        "source_labels": [format!("__meta_kubernetes_pod_label_{name}")],
        "regex": value,
        "action": "keep",
    })
}

/// `sourceLabels` is `source_labels` there.
fn in_prometheus_words(step: &Value) -> Value {
    let fields = step.as_object().into_iter().flatten();
    let renamed = fields.map(|(name, value)| {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        (snake, value.clone())
    });
    renamed.collect::<serde_json::Map<_, _>>().into()
}
