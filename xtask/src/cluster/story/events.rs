//! Events on pods, as `kubectl describe pod` shows them.

use anyhow::{Context as _, Result, ensure};

use super::soon;
use crate::cluster::{kubectl, timeline::Timeline};

const SHOP: &str = "--namespace=shop";

/// Waits until `kubectl describe pod` shows a pod's Event of this kind with this verdict.
pub(super) fn describe(pod: &str, reason: &str, verdict: &str, timeline: &Timeline) -> Result<()> {
    let mut last = String::new();
    let facts = [reason, "reapwatch", &format!("verdict: {verdict}")];
    let line = soon(&format!("an Event {reason} on shop/{pod}"), || {
        last = kubectl::try_run(&["describe", "pod", pod, SHOP])?;
        let lines = last.lines().map(str::trim);
        let mut events = lines.filter(|line| line.starts_with("Warning"));
        Ok(events
            .find(|line| facts.iter().all(|fact| line.contains(fact)))
            .map(str::to_owned))
    });
    let line = line.with_context(|| last)?;
    timeline.print(&format!("kubectl describe pod {pod}: {line}"));
    Ok(())
}

/// Waits until agents that have replaced others count on in the Event of those before. A new agent
/// has seen less, so that its first verdict may be another.
pub(super) fn go_on(pod: &str, timeline: &Timeline) -> Result<()> {
    let ours = format!("involvedObject.name={pod},source=reapwatch");
    let last = soon(&format!("another write to the Event on shop/{pod}"), || {
        let list = kubectl::get(&["events", SHOP, "--field-selector", &ours])?;
        let events = list["items"].as_array().context("no list of Events")?;
        ensure!(
            events.len() == 1,
            "shop/{pod} has {} Events for one leak",
            events.len()
        );
        let event = &events[0];
        let is_counted = event["count"].as_u64() > Some(1);
        Ok(is_counted.then(|| format!("{}, count {}", event["reason"], event["count"])))
    })?;
    timeline.print(&format!(
        "the new agents go on with the Event on shop/{pod}: {last}"
    ));
    Ok(())
}
