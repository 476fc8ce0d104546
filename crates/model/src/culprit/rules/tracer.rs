//! A tracer is notified of the death first. Until it waits, the wait of the parent finds nothing
//! ([`wait_consider_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_consider_task)).

use super::{Confidence, Rule, Verdict, waiting, words};
use crate::culprit::evidence::{Evidence, Role, block::On};

pub(super) const RULE: Rule = Rule {
    id: "held_by_tracer",
    meaning: "A tracer (a debugger, strace) has not waited for a dead process that it traces. The \
              parent cannot reap that process until the tracer waits, detaches or exits.",
    judge,
};

fn judge(evidence: &Evidence) -> Option<Verdict> {
    if evidence.role != Role::Tracer {
        return None;
    }
    let who = words::subject(evidence);
    let mut facts = vec![words::holds(evidence)];
    if let Some((pid, comm)) = &evidence.zombies.real_parent {
        facts.push(format!(
            "the parent {comm} (PID {pid}) cannot reap until the tracer waits, detaches or exits"
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
        summary: format!("{who} traces these dead processes and has not waited for them"),
        evidence: facts,
        remedy: remedy(evidence),
        confidence: Confidence::Certain,
    })
}

/// How to make this tracer detach. A stopped one must continue first; one that is blocked in its
/// output or ignores SIGINT reacts neither to Ctrl-C nor to SIGINT.
fn remedy(evidence: &Evidence) -> String {
    let who = words::subject(evidence);
    let pid = evidence.pid;
    let end = format!("kill -9 {pid} ends {who}, and the kernel then detaches what it traces");
    if evidence.all_threads(&['T']) {
        return format!("{who} is stopped: resume it with kill -CONT {pid}; otherwise {end}");
    }
    let block = super::waits_of(evidence);
    let blocked = block.filter(|block| block.is_hard() && !matches!(block.on, On::Terminal { .. }));
    if let Some(block) = blocked {
        let fix = waiting::fix(block).map_or(String::new(), |fix| format!("{fix}; or "));
        return format!("{fix}{end}");
    }
    let by_command = "in a debugger, run `detach` or `quit`";
    match evidence.facts.as_ref().and_then(|facts| facts.ended_by) {
        Some(9) => {
            return format!("{by_command}; it ignores or blocks SIGINT and SIGTERM, but {end}");
        }
        Some(15) => {
            return format!(
                "{by_command}; it ignores or blocks SIGINT, but kill -TERM {pid} ends {who}, and \
                 the kernel then detaches what it traces"
            );
        }
        _ => {}
    }
    let then = match evidence.zombies.real_parent {
        Some(_) => "the parent can then reap",
        None => "it then reaps them, or leaves them to init",
    };
    format!("{by_command}; for strace, press Ctrl-C in its terminal or run kill -INT {pid}; {then}")
}
