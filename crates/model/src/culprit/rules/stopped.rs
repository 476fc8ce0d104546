//! Stopped by a signal, or by its own tracer.

use super::{Confidence, Rule, Verdict, words};
use crate::culprit::evidence::Evidence;
use crate::signals;

pub(super) const RULE: Rule = Rule {
    id: "parent_stopped",
    meaning: "Every thread of the parent is stopped by a signal (SIGSTOP, Ctrl-Z, or terminal \
              access from the background) or by a tracer.",
    judge,
};

const SIGTTIN: u8 = 21;
const SIGTTOU: u8 = 22;

/// Applies if all threads are stopped: a single thread that runs could reap.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.all_threads(&['T', 't']) {
        return None;
    }
    let facts = evidence.facts.as_ref()?;
    let who = words::subject(evidence);
    let by_tracer = facts.living().any(|thread| thread.state == 't');
    let tracer = facts.tracer.as_ref().filter(|_| by_tracer);
    let signal = facts.stop_signal.filter(|_| !by_tracer);
    let by = match (tracer, signal) {
        (Some(tracer), _) => format!(" by its tracer {}", name(tracer)),
        (None, Some(signal)) => format!(" by {}", signals::name(signal)),
        (None, None) => String::new(),
    };
    let mut lines = vec![match facts.living().count() {
        1 => format!("its only thread is stopped{by}"),
        threads => format!("all {threads} threads are stopped{by}"),
    }];
    if let Some(signal @ (SIGTTIN | SIGTTOU)) = signal {
        lines.push(format!(
            "the terminal sends {} to a background job that {} it",
            signals::name(signal),
            if signal == SIGTTIN {
                "reads from"
            } else {
                "writes to or configures"
            }
        ));
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    let remedy = remedy(evidence.pid, tracer, signal, by_tracer);
    Some(Verdict {
        id: RULE.id,
        summary: format!("{who} is stopped{by} and cannot reap"),
        evidence: lines,
        remedy,
        confidence: Confidence::Certain,
    })
}

/// How to resume it.
fn remedy(pid: u32, tracer: Option<&Tracer>, signal: Option<u8>, by_tracer: bool) -> String {
    match (tracer, signal) {
        (Some(tracer), _) => format!(
            "continue it in {}, or detach it there; kill -CONT has no effect while its tracer has \
             stopped it",
            name(tracer)
        ),
        (None, Some(SIGTTIN)) => format!(
            "bring the job to the foreground (`fg` in its shell) and type its input, or start it \
             with its input redirected (< /dev/null); after kill -CONT {pid} alone it stops again at \
             its next read"
        ),
        (None, Some(SIGTTOU)) => format!(
            "bring the job to the foreground (`fg` in its shell), or start it with its output \
             redirected; after kill -CONT {pid} alone it stops again at its next write"
        ),
        (None, _) if by_tracer => "continue it in its tracer, or detach it there".to_owned(),
        (None, _) => format!(
            "if it was not stopped on purpose (Ctrl-Z, a debugging session), resume it: \
             kill -CONT {pid}"
        ),
    }
}

/// A tracer and its name.
type Tracer = (u32, Option<String>);

fn name((pid, comm): &Tracer) -> String {
    format!("{} (PID {pid})", comm.as_deref().unwrap_or("its tracer"))
}
