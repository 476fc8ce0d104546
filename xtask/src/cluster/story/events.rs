//! Events on pods, as `kubectl describe pod` shows them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use super::soon;
use crate::cluster::{kubectl, timeline::Timeline};

const SHOP: &str = "--namespace=shop";

/// Waits until `kubectl describe pod` shows a pod's Event with this reason.
pub(super) fn describe(pod: &str, reason: &str, timeline: &Timeline) -> Result<()> {
    let mut last = String::new();
    let line = soon(&format!("an Event {reason} on shop/{pod}"), || {
        last = kubectl::try_run(&["describe", "pod", pod, SHOP])?;
        let lines = last.lines().map(str::trim);
        let mut events = lines.filter(|line| line.starts_with("Warning"));
        Ok(events
            .find(|line| line.contains(reason) && line.contains("reapwatch"))
            .map(str::to_owned))
    });
    let line = line.with_context(|| last)?;
    timeline.print(&format!("kubectl describe pod {pod}: {line}"));
    Ok(())
}

/// Waits until agents that have replaced others write to the Event of those before. A new agent has
/// seen less, so that its first verdict may be another.
pub(super) fn go_on(pod: &str, timeline: &Timeline) -> Result<()> {
    let ours = format!("involvedObject.name={pod},source=reapwatch");
    let last = soon(&format!("another write to an Event on shop/{pod}"), || {
        let list = kubectl::get(&["events", SHOP, "--field-selector", &ours])?;
        let events = list["items"].as_array().context("no list of Events")?;
        let reasons: BTreeSet<_> = events.iter().map(|it| it["reason"].as_str()).collect();
        ensure!(
            reasons.len() == events.len(),
            "shop/{pod} has two Events for one reason"
        );
        let mut repeated = events.iter();
        let repeated = repeated.find(|it| it["firstTimestamp"] != it["lastTimestamp"]);
        Ok(repeated.map(|it| format!("{}, last seen {}", it["reason"], it["lastTimestamp"])))
    })?;
    timeline.print(&format!(
        "the new agents go on with an Event on shop/{pod}: {last}"
    ));
    Ok(())
}

/// The reason of an Event about a verdict: `never_waits` is `NeverWaits`.
pub(super) fn reason(verdict: &str) -> String {
    let words = verdict.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}
