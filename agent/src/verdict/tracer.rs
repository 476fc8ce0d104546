//! A tracer that was told of the death and does not wait: until it does, the real parent's wait
//! finds nothing
//! ([`wait_consider_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_consider_task)).

use super::{Confidence, Verdict, words};
use crate::evidence::{Evidence, Role};

pub(super) const ID: &str = "held_by_tracer";

/// Applies to tracers of other people's children.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    if evidence.role != Role::Tracer {
        return None;
    }
    let who = words::who(evidence);
    let mut facts = vec![format!(
        "{who} is the tracer, and {}",
        words::holds(evidence)
    )];
    if let Some((pid, comm)) = &evidence.zombies.real_parent {
        facts.push(format!(
            "the real parent {comm} (PID {pid}) cannot reap before the tracer waits or lets go"
        ));
    }
    facts.push(words::habits(evidence));
    facts.extend(words::threads(evidence));
    Some(Verdict {
        id: ID,
        summary: format!("the tracer {who} holds dead processes that it traces"),
        evidence: facts,
        remedy: format!(
            "detach {who} or end its session (`detach` or `quit` in a debugger, Ctrl-C for \
             strace): the real parent can reap then"
        ),
        confidence: Confidence::Certain,
    })
}
