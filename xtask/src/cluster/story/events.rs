//! Events on pods, as `kubectl describe pod` shows them.

use anyhow::{Context as _, Result, bail};

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

/// Waits until the agents that have replaced those before write to the same Event.
pub(super) fn go_on(pod: &str, reason: &str, timeline: &Timeline) -> Result<()> {
    let pod_is = format!("involvedObject.name={pod},reason={reason}");
    let events = || {
        let list = kubectl::get(&["events", SHOP, "--field-selector", &pod_is])?;
        let events = list["items"].as_array().cloned();
        events.context("no list of Events")
    };
    let last = soon(&format!("another write to the Event on shop/{pod}"), || {
        let events = events()?;
        let [event] = &events[..] else {
            bail!("{} Events instead of one", events.len());
        };
        let [first, last] = ["firstTimestamp", "lastTimestamp"].map(|name| &event[name]);
        Ok((first != last).then(|| last.clone()))
    })?;
    timeline.print(&format!(
        "the new agents go on with the Event on shop/{pod}: last seen {last}"
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
