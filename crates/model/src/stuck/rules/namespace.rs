//! As the init of a PID namespace it waits until all others in it are reaped: a zombie there
//! whose parent is outside stays until that parent waits
//! ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).

use super::{Confidence, Rule, Said, hold, words};
use crate::stuck::evidence::{Member, Stuck, Thread, Who};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::WaitingForNamespace,
    id: "waiting_for_namespace",
    meaning: "The process is the init of a PID namespace and waits until everybody else in it has been reaped.",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let members = stuck
        .facts
        .iter()
        .flat_map(|facts| &facts.left_in_namespace);
    let line = |member: &Member| {
        let parent = member.parent.as_ref().map(words::other);
        let parent = parent
            .map(|it| format!(", a child of {it}"))
            .unwrap_or_default();
        format!(
            "still in its PID namespace: {}{parent}",
            words::other(&member.process)
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
            format!(
                "find out why {} does not end: reapwatch explain {}",
                words::other(&member.process),
                member.process.pid
            ),
            Confidence::Likely,
        ),
        (None, None) => (
            "look for zombies whose parent is outside the namespace: reapwatch zombies".to_owned(),
            Confidence::Likely,
        ),
    };
    Said {
        summary: format!(
            "{who} is the init of a PID namespace and waits until everything else in it is reaped"
        ),
        facts,
        remedy,
        confidence,
    }
}

/// Its parent outside of the namespace must reap.
fn reaps(parent: &Who) -> String {
    let name = words::name(parent);
    match hold::of(parent) {
        Some(hold) => hold.action,
        None => format!(
            "{name} is outside the namespace and has to reap its child: see why it does not with \
             reapwatch culprits, or end it, so that its children are adopted and reaped: kill {}",
            parent.pid
        ),
    }
}
