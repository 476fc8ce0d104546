//! A tracer that was told of the death and does not wait: until it does, the real parent's wait
//! finds nothing
//! ([`wait_consider_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_consider_task)).

use super::{Confidence, Rule, Verdict, waiting, words};
use crate::culprit::evidence::{Evidence, Role, block::On};

pub(super) const RULE: Rule = Rule {
    id: "held_by_tracer",
    meaning: "A debugger or tracer was told of the death first and has not waited for it; until \
              it does, detaches or ends, the real parent cannot reap.",
    judge,
};

fn judge(evidence: &Evidence) -> Option<Verdict> {
    if evidence.role != Role::Tracer {
        return None;
    }
    let who = words::who(evidence);
    let mut facts = vec![format!("{who} is the tracer; {}", words::holds(evidence))];
    if let Some((pid, comm)) = &evidence.zombies.real_parent {
        facts.push(format!(
            "the real parent {comm} (PID {pid}) cannot reap before the tracer waits or detaches"
        ));
    }
    facts.push(words::habits(evidence));
    facts.extend(waiting::thread(evidence));
    facts.extend(
        super::waits_of(evidence)
            .into_iter()
            .flat_map(waiting::ends),
    );
    Some(Verdict {
        id: RULE.id,
        summary: format!("the tracer {who} holds dead processes that it traces"),
        evidence: facts,
        remedy: remedy(evidence),
        confidence: Confidence::Certain,
    })
}

/// What makes this tracer let go: a stopped one must continue, one that is blocked in its own
/// output or ignores SIGINT reacts to neither its keys nor that signal.
fn remedy(evidence: &Evidence) -> String {
    let who = words::who(evidence);
    let pid = evidence.pid;
    let end = format!("kill -9 {pid} ends {who}; the kernel then detaches what it traces");
    if evidence.all_threads(&['T']) {
        return format!("{who} is stopped: let it continue with kill -CONT {pid}; else {end}");
    }
    let block = super::waits_of(evidence);
    let blocked = block.filter(|block| block.is_hard() && !matches!(block.on, On::Terminal { .. }));
    if let Some(block) = blocked {
        let fix = waiting::fix(block).map_or(String::new(), |fix| format!("{fix}; or "));
        return format!("{fix}{end}");
    }
    let by_command = "in a debugger, `detach` or `quit`";
    match evidence.facts.as_ref().and_then(|facts| facts.ended_by) {
        Some(9) => return format!("{by_command}; it does not react to SIGINT or SIGTERM: {end}"),
        Some(15) => {
            return format!(
                "{by_command}; it does not react to SIGINT: kill -TERM {pid} ends {who}, and the \
                 kernel then detaches what it traces"
            );
        }
        _ => {}
    }
    format!(
        "{by_command}; for strace, press Ctrl-C in its terminal or run kill \
         -INT {pid}; the real parent can reap then"
    )
}
