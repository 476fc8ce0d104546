//! It wants to run and gets no CPU.

use super::{Confidence, Rule, Verdict, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "parent_starved",
    meaning: "The parent wants to run but hardly gets CPU time: its cgroup's quota is used up, or \
              other processes crowd it out.",
    judge,
};

/// It ran for less than one part in so many of the time.
const RAN_LESS_THAN_ONE_IN: u64 = 20;

/// Applies where a thread is runnable, and since an earlier look it hardly ran, although it stood
/// before the CPUs or its cgroup was throttled for most of the time.
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
    let who = words::who(evidence);
    let mut lines = vec![format!(
        "it ran for {} ms of the last {} although a thread wants to run",
        cpu.ran_ns / 1_000_000,
        words::span(since.span_ns)
    )];
    let nice = evidence.facts.as_ref()?.nice.filter(|&nice| nice > 0);
    lines.extend(nice.map(|nice| format!("its nice value is {nice}, so others get the CPU first")));
    if throttled {
        lines.push(format!(
            "its cgroup hit its CPU quota in {}, {} ms throttled so far",
            words::count(quota.throttled_periods, "period"),
            quota.throttled_ns / 1_000_000
        ));
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    Some(Verdict {
        id: RULE.id,
        summary: format!("{who} gets no CPU time, so it does not get to reap"),
        evidence: lines,
        remedy: if throttled {
            "raise the CPU limit of its container or unit (cpu.max, or cpu.cfs_quota_us in cgroup \
             v1)"
            .to_owned()
        } else if nice.is_some() {
            format!(
                "give it CPU time: renice -n 0 -p {}, or move the processes that crowd it out",
                evidence.pid
            )
        } else {
            "end the processes that crowd it out, lower their priority (renice -n 19), or move \
             them to other CPUs (taskset, cpuset); `top` shows them"
                .to_owned()
        },
        confidence: if throttled {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
