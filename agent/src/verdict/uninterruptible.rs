//! It sleeps where no signal wakes it.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "parent_uninterruptible";

/// Applies where every thread is in state D: with several, the one that reaps may be elsewhere.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.all_threads(&['D']) {
        return None;
    }
    let facts = evidence.facts.as_ref()?;
    let thread = facts.living().next()?;
    let place = thread.wchan.as_deref().unwrap_or("the kernel");
    let mut lines = vec![match facts.living().count() {
        1 => format!("its only thread sleeps uninterruptibly in {place}"),
        threads => format!("all {threads} threads sleep uninterruptibly, one in {place}"),
    }];
    if !thread.stack.is_empty() {
        lines.push(format!("kernel stack: {}", thread.stack.join(" < ")));
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    let stays = evidence
        .since
        .is_some_and(|since| since.was_uninterruptible);
    Some(Verdict {
        id: ID,
        summary: format!(
            "{} sleeps in the kernel where it cannot be woken, so it cannot reap",
            words::who(evidence)
        ),
        evidence: lines,
        remedy: format!(
            "mend what it waits for in {place} (a disk, an NFS or FUSE server, a driver, a vfork \
             child): cat /proc/{}/stack",
            evidence.pid
        ),
        confidence: if stays {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
