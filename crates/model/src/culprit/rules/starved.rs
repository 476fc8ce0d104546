//! It is runnable and gets almost no CPU time.

use super::{Confidence, Rule, Verdict, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "parent_starved",
    meaning: "The parent is runnable but gets almost no CPU time: its cgroup has used up its CPU \
              quota, or other processes take the CPU.",
    judge,
};

/// It ran for less than 1/20 of the time.
const RAN_LESS_THAN_ONE_IN: u64 = 20;

/// Applies if a thread is runnable and it hardly ran since an earlier look, although it waited for a
/// CPU or its cgroup was throttled for most of that time.
fn judge(evidence: &Evidence) -> Option<Verdict> {
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
    let who = words::subject(evidence);
    let mut lines = vec![format!(
        "it ran for {} ms in the last {}, although a thread is runnable",
        cpu.ran_ns / 1_000_000,
        words::span(since.span_ns)
    )];
    let nice = evidence.facts.as_ref()?.nice.filter(|&nice| nice > 0);
    lines.extend(
        nice.map(|nice| format!("its nice value is {nice}, so other processes get the CPU first")),
    );
    if throttled {
        lines.push(format!(
            "its cgroup hit its CPU quota in {} and was throttled for {} ms so far",
            words::count(quota.throttled_periods, "period"),
            quota.throttled_ns / 1_000_000
        ));
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    Some(Verdict {
        id: RULE.id,
        summary: format!("{who} gets almost no CPU time, so it does not reap"),
        evidence: lines,
        remedy: if throttled {
            "raise the CPU limit of its container or unit (cpu.max, or cpu.cfs_quota_us in cgroup \
             v1)"
            .to_owned()
        } else if nice.is_some() {
            format!(
                "raise its priority: renice -n 0 -p {}, or move the processes that compete with it \
                 to other CPUs",
                evidence.pid
            )
        } else {
            "end the processes that take its CPU time, lower their priority (renice -n 19), or \
             move them to other CPUs (taskset, cpuset); `top` shows them"
                .to_owned()
        },
        confidence: if throttled {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
