//! One of its dead children is in a PID namespace whose init is on its way out, and which the
//! kernel lets end only when nobody is left in there
//! ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).
//! The init has a verdict of its own then, `waiting_for_namespace` of `verdict::stuck`.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "pidns_init_waiting";

/// Applies to parents outside such a namespace. Why they do not reap is what their habits say.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let (pid, comm) = evidence.zombies.held_init.as_ref()?;
    let who = words::who(evidence);
    let init = format!("{comm} (PID {pid})");
    let mut lines = vec![format!(
        "of its zombies {} in the PID namespace of {init}, which is on its way out and cannot end \
         while anybody is left there",
        match evidence.zombies.in_its_namespace {
            1 => "1 is".to_owned(),
            number => format!("{number} are"),
        }
    )];
    let habit = super::by_habits(evidence);
    if let Some(habit) = &habit {
        lines.push(format!("{} ({})", habit.summary, habit.id));
    }
    lines.extend(match &habit {
        Some(habit) => habit.evidence.clone(),
        None => vec![words::habits(evidence), words::holds(evidence)],
    });
    let remedy = habit.map_or_else(|| words::restart(evidence), |habit| habit.remedy);
    Some(Verdict {
        id: ID,
        summary: format!(
            "{who} does not reap its dead in a PID namespace, and so keeps the init there, {init}, \
             from ending"
        ),
        evidence: lines,
        remedy: format!("to let {init} and its container end, {remedy}"),
        confidence: Confidence::Certain,
    })
}
