//! Stopped by a signal, or by its own tracer.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "parent_stopped";

/// Applies where every thread is stopped; a single one that runs could reap.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.all_threads(&['T', 't']) {
        return None;
    }
    let facts = evidence.facts.as_ref()?;
    let who = words::who(evidence);
    let by_tracer = facts.living().any(|thread| thread.state == 't');
    let tracer = facts
        .tracer
        .as_ref()
        .filter(|_| by_tracer)
        .map(|(pid, comm)| format!("{} (PID {pid})", comm.as_deref().unwrap_or("its tracer")));
    let threads = facts.living().count() as u64;
    let (by, remedy) = match tracer {
        Some(tracer) => (
            format!(" by {tracer}"),
            format!("let it go on in {tracer}, or detach that from it"),
        ),
        None => (String::new(), format!("kill -CONT {}", evidence.pid)),
    };
    Some(Verdict {
        id: ID,
        summary: format!("{who} is stopped{by}, so it cannot reap"),
        evidence: vec![
            match threads {
                1 => format!("its only thread is stopped{by}"),
                threads => format!("all {threads} threads are stopped{by}"),
            },
            words::holds(evidence),
            words::habits(evidence),
        ],
        remedy,
        confidence: Confidence::Certain,
    })
}
