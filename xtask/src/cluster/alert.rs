//! The alert about the leak: until it fires with pod and verdict, and until it is resolved.

use std::time::Duration;

use anyhow::{Context, Result};

use super::stop::until;
use super::workloads::{APP, LEAKY, VERDICT, labels};
use crate::prometheus::server::{Alert, Prometheus};

const NAME: &str = "ReapwatchZombieLeak";
const LONG: Duration = Duration::from_secs(90);

/// Its summary once it fires; `then` is called at each check.
pub(super) fn wait_until_it_fires(
    prometheus: &Prometheus,
    mut then: impl FnMut() -> Result<()>,
) -> Result<String> {
    let fires = || {
        then()?;
        let alert = of_leak(prometheus)?.filter(|alert| alert.state == "firing");
        let summary = alert.and_then(|alert| alert.annotations.get("summary").cloned());
        let named = format!("/{LEAKY}");
        Ok(summary.filter(|text| text.contains(&named) && text.contains(VERDICT)))
    };
    let summary = until("the alert, naming pod and verdict", LONG, fires);
    summary.with_context(|| format!("{:?}", of_leak(prometheus)))
}

/// Waits until it is resolved.
pub(super) fn wait_until_it_is_gone(prometheus: &Prometheus) -> Result<()> {
    until("the end of the alert", LONG, || {
        Ok(of_leak(prometheus)?.is_none().then_some(()))
    })
}

fn of_leak(prometheus: &Prometheus) -> Result<Option<Alert>> {
    let mut alerts = prometheus.alerts()?.into_iter();
    let is = |alert: &Alert, name: &str, value: &str| {
        alert.labels.get(name).is_some_and(|own| own == value)
    };
    Ok(alerts.find(|alert| {
        let ours = labels(LEAKY, APP);
        is(alert, "alertname", NAME) && ours.iter().all(|(name, value)| is(alert, name, value))
    }))
}
