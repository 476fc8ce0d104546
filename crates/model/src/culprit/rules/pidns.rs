//! One of its dead children is in a PID namespace whose init is on its way out, and which the
//! kernel lets end only when nobody is left in there
//! ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).
//! The init has a verdict of its own then, `waiting_for_namespace` of `verdict::stuck`.

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "pidns_init_waiting",
    meaning: "A zombie whose parent is outside its PID namespace keeps that namespace, and with \
              it the container, from ending.",
    judge,
};

/// Applies to parents outside such a namespace. Why they do not reap is what their habits say.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let init = held_init(evidence)?;
    let who = words::who(evidence);
    let mut lines = vec![held(evidence)?];
    let habit = super::by_habits(evidence);
    if let Some(habit) = &habit {
        lines.push(format!(
            "why it does not reap: {} ({}, {})",
            habit.summary,
            habit.id,
            habit.confidence.name()
        ));
    }
    lines.extend(match &habit {
        Some(habit) => habit.evidence.clone(),
        None => vec![words::habits(evidence), words::holds(evidence)],
    });
    let remedy = habit.map_or_else(
        || remedy::clear(evidence).unwrap_or_default(),
        |habit| habit.remedy,
    );
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{who} does not reap a child inside another PID namespace, which keeps {init}, the \
             init there, from exiting"
        ),
        evidence: lines,
        remedy: format!("to let {init} and its container end: {remedy}"),
        confidence: Confidence::Certain,
    })
}

fn held_init(evidence: &Evidence) -> Option<String> {
    let (pid, comm) = evidence.zombies.held_init.as_ref()?;
    Some(format!("{comm} (PID {pid})"))
}

/// The fact, which is said whatever else keeps the parent from reaping.
pub(super) fn held(evidence: &Evidence) -> Option<String> {
    Some(format!(
        "{} in the PID namespace of {}, which is exiting and cannot finish while anybody is left \
         there",
        match evidence.zombies.in_its_namespace {
            1 => "1 of its zombies is".to_owned(),
            number => format!("{number} of its zombies are"),
        },
        held_init(evidence)?
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{judge, testing};
    use super::*;

    /// A parent that never waits, one of whose three zombies keeps an init from ending.
    fn keeps_an_init() -> Evidence {
        let mut evidence = testing::leak();
        evidence.zombies.held_init = Some((200, "nginx".to_owned()));
        evidence.zombies.in_its_namespace = 1;
        evidence
    }

    #[test]
    fn who_keeps_a_namespace_open_is_told_with_its_habits_and_how_sure_those_are() {
        let verdict = judge(&keeps_an_init()).expect("there is a verdict");
        assert_eq!(
            (verdict.id, verdict.confidence),
            (RULE.id, Confidence::Certain)
        );
        assert!(verdict.evidence[0].contains("nginx (PID 200)"));
        assert!(verdict.evidence[1].contains("(never_waits, guess)"));
    }

    #[test]
    fn who_cannot_run_is_told_so_first_and_what_it_keeps_open() {
        let mut evidence = keeps_an_init();
        let threads = evidence
            .facts
            .iter_mut()
            .flat_map(|facts| &mut facts.looked_at);
        threads.for_each(|thread| thread.state = 'T');
        let verdict = judge(&evidence).expect("there is a verdict");
        assert_eq!(verdict.id, "parent_stopped");
        let told = |line: &String| line.contains("nginx (PID 200)");
        assert!(verdict.evidence.iter().any(told), "{verdict:#?}");
    }

    #[test]
    fn missing_evidence_makes_less_sure() {
        let mut evidence = keeps_an_init();
        evidence.facts = None;
        evidence.habits.waits = Some(5);
        evidence.habits.last_wait_age_ns = Some(200_000_000_000);
        let verdict = judge(&evidence).expect("there is a verdict");
        assert_eq!(
            (verdict.id, verdict.confidence),
            (RULE.id, Confidence::Likely)
        );
        evidence.zombies.held_init = None;
        assert_ne!(judge(&evidence).map(|it| it.id), Some(RULE.id));
    }
}
