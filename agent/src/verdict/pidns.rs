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

#[cfg(test)]
mod tests {
    use super::super::{judge, tests};
    use super::*;

    /// A parent that never waits, one of whose three zombies keeps an init from ending.
    fn keeps_an_init() -> Evidence {
        let mut evidence = tests::leak();
        evidence.zombies.held_init = Some((200, "nginx".to_owned()));
        evidence.zombies.in_its_namespace = 1;
        evidence
    }

    #[test]
    fn who_keeps_a_namespace_open_is_told_with_its_habits() {
        let verdict = judge(&keeps_an_init()).expect("there is a verdict");
        assert_eq!((verdict.id, verdict.confidence), (ID, Confidence::Certain));
        assert_eq!(
            verdict.evidence[..3],
            [
                "of its zombies 1 is in the PID namespace of nginx (PID 200), which is on its way \
                 out and cannot end while anybody is left there",
                "app (PID 100) never waits for its children (never_waits)",
                "watched for 4m: no wait call, no child reaped",
            ]
        );
        let remedy = "to let nginx (PID 200) and its container end, mend app: wait for each child";
        assert!(verdict.remedy.starts_with(remedy), "{}", verdict.remedy);
    }

    #[test]
    fn who_cannot_run_is_told_so_first() {
        let mut evidence = keeps_an_init();
        let threads = evidence
            .facts
            .iter_mut()
            .flat_map(|facts| &mut facts.looked_at);
        threads.for_each(|thread| thread.state = 'T');
        assert_eq!(judge(&evidence).map(|it| it.id), Some("parent_stopped"));
    }

    #[test]
    fn missing_evidence_makes_less_sure() {
        let mut evidence = keeps_an_init();
        evidence.facts = None;
        evidence.habits.waits = Some(5);
        evidence.habits.last_wait_age_ns = Some(200_000_000_000);
        let verdict = judge(&evidence).expect("there is a verdict");
        assert_eq!((verdict.id, verdict.confidence), (ID, Confidence::Likely));
        assert!(
            verdict.remedy.contains("restart app (PID 100)"),
            "{}",
            verdict.remedy
        );
        evidence.zombies.held_init = None;
        assert_ne!(judge(&evidence).map(|it| it.id), Some(ID));
    }
}
