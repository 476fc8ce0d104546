//! One of its dead children is in a PID namespace whose init is exiting. The kernel lets the init
//! finish only when no other process is left in the namespace
//! ([`zap_pid_ns_processes`](https://elixir.bootlin.com/linux/v6.12/A/ident/zap_pid_ns_processes)).
//! The init has its own verdict, `waiting_for_namespace` of `verdict::stuck`.

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "pidns_init_waiting",
    meaning: "A zombie is in a PID namespace, and its parent is outside. Until the parent reaps it, \
              the init of that namespace, and with it the container, cannot exit.",
    judge,
};

/// Applies to parents outside such a namespace. The rules on habits find out why they do not reap.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let init = held_init(evidence)?;
    let who = words::subject(evidence);
    let mut lines = vec![held(evidence)?];
    let habit = super::by_habits(evidence);
    if let Some(habit) = &habit {
        lines.push(format!(
            "why it does not reap: {} ({}, {})",
            habit.summary, habit.id, habit.confidence
        ));
    }
    lines.extend(match &habit {
        Some(habit) => habit.evidence.clone(),
        None => vec![words::habits(evidence), words::holds(evidence)],
    });
    let remedy = habit.map_or_else(|| remedy::clear(evidence), |habit| Some(habit.remedy));
    let remedy = remedy.map_or(String::new(), |remedy| format!("{remedy}; "));
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{who} does not reap a child in another PID namespace, so {init}, the init there, \
             cannot exit"
        ),
        evidence: lines,
        remedy: format!(
            "{remedy}{init} and its container can exit as soon as that child is reaped"
        ),
        confidence: Confidence::Certain,
    })
}

fn held_init(evidence: &Evidence) -> Option<String> {
    let (pid, comm) = evidence.zombies.held_init.as_ref()?;
    Some(format!("{comm} (PID {pid})"))
}

/// The fact, which is reported with every other verdict on the parent too.
pub(super) fn held(evidence: &Evidence) -> Option<String> {
    Some(format!(
        "{} in the PID namespace of {}, which is exiting and cannot finish while any process is \
         left there",
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

    /// A parent that never waits; one of its three zombies keeps an init from exiting.
    fn keeps_an_init() -> Evidence {
        let mut evidence = testing::leak();
        evidence.zombies.held_init = Some((200, "nginx".to_owned()));
        evidence.zombies.in_its_namespace = 1;
        evidence
    }

    #[test]
    fn the_verdict_includes_the_verdict_on_its_habits_with_its_confidence() {
        let verdict = judge(&keeps_an_init()).expect("there is a verdict");
        assert_eq!(
            (verdict.id, verdict.confidence),
            (RULE.id, Confidence::Certain)
        );
        assert!(verdict.evidence[0].contains("nginx (PID 200)"));
        assert!(verdict.evidence[1].contains("(never_waits, guess)"));
    }

    #[test]
    fn a_stopped_parent_is_reported_as_stopped_with_the_init_that_it_blocks() {
        let mut evidence = keeps_an_init();
        let threads = evidence
            .facts
            .iter_mut()
            .flat_map(|facts| &mut facts.looked_at);
        threads.for_each(|thread| thread.state = 'T');
        let verdict = judge(&evidence).expect("there is a verdict");
        assert_eq!(verdict.id, "parent_stopped");
        let named = |line: &String| line.contains("nginx (PID 200)");
        assert!(verdict.evidence.iter().any(named), "{verdict:#?}");
    }

    #[test]
    fn missing_evidence_lowers_the_confidence() {
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
