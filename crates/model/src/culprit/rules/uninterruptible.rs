//! It is in uninterruptible sleep (state D).

use super::{Confidence, Rule, Verdict, waiting, words};
use crate::culprit::evidence::{Evidence, block::On};

pub(super) const RULE: Rule = Rule {
    id: "parent_uninterruptible",
    meaning: "Every thread of the parent is in uninterruptible sleep (state D), waiting for a disk, \
              a file server, a driver, or a vfork child that has not called exec.",
    judge,
};

/// Applies if all threads are: any other thread could reap.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.all_threads(&['D']) {
        return None;
    }
    let facts = evidence.facts.as_ref()?;
    let (thread, _) = evidence.reaping_thread()?;
    let place = thread.wchan.as_deref().unwrap_or("the kernel");
    let mut lines = vec![match facts.living().count() {
        1 => format!("its only thread is in uninterruptible sleep in {place}"),
        threads => format!("all {threads} threads are in uninterruptible sleep, one in {place}"),
    }];
    if !thread.stack.is_empty() {
        lines.push(format!("kernel stack: {}", thread.stack.join(" < ")));
    }
    let block = thread.block.as_ref();
    lines.extend(block.map(|block| format!("it {}", waiting::waits(block))));
    lines.extend(block.into_iter().flat_map(waiting::ends));
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    let stays = evidence
        .since
        .is_some_and(|since| since.was_uninterruptible);
    let on_vfork = block.is_some_and(|block| block.on == On::VforkChild);
    Some(Verdict {
        id: RULE.id,
        summary: if on_vfork {
            format!(
                "{} is in vfork and cannot reap until its new child execs or exits",
                words::subject(evidence)
            )
        } else {
            format!(
                "{} is in uninterruptible sleep (state D) and cannot reap",
                words::subject(evidence)
            )
        },
        evidence: lines,
        remedy: block.and_then(waiting::fix).unwrap_or_else(|| {
            format!(
                "find out what it waits for in {place} (a disk, an NFS or FUSE server, a driver) \
                 and fix that; its kernel stack: cat /proc/{}/stack",
                evidence.pid
            )
        }),
        confidence: if stays {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
    })
}
