//! Alerts in the real Prometheus.

use anyhow::{Context, Result};

use super::soon;
use crate::prometheus::server::{Alert, Prometheus};

/// Waits until it fires with these labels and with these words in its summary; returns that.
pub(super) fn fires(
    prometheus: &Prometheus,
    name: &str,
    labels: &[(&str, &str)],
    words: &[&str],
) -> Result<String> {
    let summary = soon(&format!("the alert {name}"), || {
        let alerts = with_labels(prometheus, name, labels)?.into_iter();
        let firing = alerts.filter(|alert| alert.state == "firing");
        let mut summaries = firing.filter_map(|alert| alert.annotations.get("summary").cloned());
        Ok(summaries.find(|text| words.iter().all(|word| text.contains(word))))
    });
    summary.with_context(|| format!("{:?}", with_labels(prometheus, name, labels)))
}

/// Waits until no such alert is left.
pub(super) fn is_resolved(
    prometheus: &Prometheus,
    name: &str,
    labels: &[(&str, &str)],
) -> Result<()> {
    soon(&format!("the end of the alert {name}"), || {
        let left = with_labels(prometheus, name, labels)?;
        Ok(left.is_empty().then_some(()))
    })
}

fn with_labels(prometheus: &Prometheus, name: &str, labels: &[(&str, &str)]) -> Result<Vec<Alert>> {
    let mut alerts = prometheus.alerts()?;
    alerts.retain(|alert| {
        let has = |name: &str, value: &str| alert.labels.get(name).is_some_and(|own| own == value);
        has("alertname", name) && labels.iter().all(|(name, value)| has(name, value))
    });
    Ok(alerts)
}
