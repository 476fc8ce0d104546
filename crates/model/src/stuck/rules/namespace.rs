//! The init of a PID namespace waits until all other processes in it are reaped. A zombie with a
//! parent outside stays until that parent waits
//! ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).

use super::{Confidence, Finding, Rule, hold, words};
use crate::stuck::evidence::{Actor, Member, Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::waiting_for_namespace::STEP,
    "The process is the init of a PID namespace (PID 1 of a container). It cannot exit until every other process in that namespace has been reaped.",
    judge,
);

fn judge(stuck: &Stuck, _thread: &Thread) -> Finding {
    let members = stuck
        .facts
        .iter()
        .flat_map(|facts| &facts.left_in_namespace);
    let line = |member: &Member| {
        let parent = member.parent.as_ref().map(words::with_state);
        let parent = parent
            .map(|it| format!(", a child of {it}"))
            .unwrap_or_default();
        format!(
            "still in its PID namespace: {}{parent}",
            words::with_state(&member.process)
        )
    };
    let facts: Vec<String> = members.clone().map(line).collect();
    let mut zombies = members
        .clone()
        .filter(|member| member.process.state == Some('Z'));
    let holder = zombies.find_map(|member| member.parent.as_ref());
    let (remedy, confidence) = match (holder, members.clone().next()) {
        (Some(parent), _) => (reaps(parent), Confidence::Certain),
        (None, Some(member)) => (
            {
                let who = words::with_state(&member.process);
                let what = match member.process.state {
                    Some('Z') => format!("who holds {who}, its parent or a tracer"),
                    _ => format!("why {who} does not exit"),
                };
                format!("find out {what}: reapwatch explain {}", member.process.pid)
            },
            Confidence::Likely,
        ),
        (None, None) => (
            "look for zombies whose parent is outside the namespace: reapwatch zombies".to_owned(),
            Confidence::Likely,
        ),
    };
    Finding {
        does: "is the init of a PID namespace and waits until every other process in it is reaped"
            .to_owned(),
        facts,
        remedy,
        confidence,
    }
}

/// What to do about a parent outside the namespace that does not reap.
fn reaps(parent: &Actor) -> String {
    let name = words::name(parent);
    match hold::of(parent) {
        Some(hold) => hold.action,
        None => format!(
            "{name} is outside the namespace and has to reap its child: run reapwatch culprits to \
             see why it does not, or end it, so that its children are adopted and reaped: kill {}",
            parent.pid
        ),
    }
}
