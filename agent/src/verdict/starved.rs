//! It wants to run and gets no CPU.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "parent_starved";

/// It ran for less than one part in so many of the time.
const RAN_LESS_THAN_ONE_IN: u64 = 20;

/// Applies where a thread is runnable, and since an earlier look it hardly ran, although it stood
/// before the CPUs or its cgroup was throttled for most of the time.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let since = evidence.since.as_ref()?;
    let cpu = since.cpu?;
    let most = since.span_ns / 2;
    let quota = cpu.quota.unwrap_or_default();
    let stood = since.was_runnable;
    let throttled = quota.throttled_ns > most || (stood && quota.throttled_periods > 0);
    let queued = stood || cpu.queued_ns > most;
    let ran_little = cpu.ran_ns * RAN_LESS_THAN_ONE_IN < since.span_ns;
    if evidence.runnable().next().is_none() || !ran_little || !(throttled || queued) {
        return None;
    }
    let who = words::who(evidence);
    let mut lines = vec![format!(
        "it ran for {} ms of the last {} s, though a thread of it wants to run",
        cpu.ran_ns / 1_000_000,
        since.span_ns / 1_000_000_000
    )];
    if throttled {
        lines.push(format!(
            "its cgroup used up its CPU quota in {}; {} ms of waiting for more are booked so far",
            words::count(quota.throttled_periods, "period"),
            quota.throttled_ns / 1_000_000
        ));
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    Some(Verdict {
        id: ID,
        summary: format!("{who} gets no CPU, so it does not come to reap"),
        evidence: lines,
        remedy: if throttled {
            "raise the CPU limit of its container or unit (cpu.max, or cpu.cfs_quota_us in v1)"
                .to_owned()
        } else {
            format!(
                "give it CPU: renice -n 0 -p {}, or move what crowds it out elsewhere",
                evidence.pid
            )
        },
        confidence: if throttled {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
