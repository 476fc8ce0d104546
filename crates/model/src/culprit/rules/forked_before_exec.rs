//! Its zombies are children of an earlier program in the same process: an exec keeps the children,
//! but the new program does not know about them
//! ([`begin_new_exec`](https://elixir.bootlin.com/linux/v6.12/A/ident/begin_new_exec)).

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "forked_before_exec",
    meaning: "A start script (or another program) forked these children and then became the \
              current program by exec. The current program is their parent but does not know \
              about them.",
    judge,
};

/// Applies if most of the zombies are such children.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let (before, old) = (evidence.zombies.forked_before_exec, evidence.zombies.old);
    if before == 0 || before * 2 < old {
        return None;
    }
    let who = words::subject(evidence);
    let script = evidence.zombies.forked_as.as_ref();
    let script = script.or(evidence.program.former.as_ref());
    let seen = script.is_some() && evidence.program.age_ns.is_some();
    // One that execs itself may hand their PIDs on.
    let itself = script == Some(&evidence.comm);
    let script = script.map_or("an earlier program", String::as_str);
    let mut lines = vec![format!(
        "{before} of {} forked by {script} as PID {}, before it became {} by exec{}",
        match old {
            1 => "1 zombie was".to_owned(),
            _ => format!("{} were", words::examined(&evidence.zombies)),
        },
        evidence.pid,
        evidence.comm,
        match evidence.program.age_ns {
            Some(age_ns) => format!(" {} ago", words::span(age_ns)),
            None => String::new(),
        }
    )];
    let passed_on = if itself {
        ", unless it passed their PIDs on through the exec"
    } else {
        ""
    };
    lines.push(format!(
        "{} does not know about them{passed_on}; no more can appear than {script} left running",
        evidence.comm
    ));
    lines.extend(others(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    let clear = remedy::clear(evidence);
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{who} inherited children through exec: {script} started them in the same process"
        ),
        evidence: lines,
        remedy: format!(
            "fix the script that starts {}: start no background job (&) and no process \
             substitution before the exec, or wait for them first; an init such as tini does not \
             help, since they are not orphans; this is not urgent, since their number is limited{}",
            evidence.comm,
            clear.map_or(String::new(), |clear| format!("; {clear}"))
        ),
        confidence: match (seen && before == old, evidence.is_init()) {
            (true, _) if itself => Confidence::Likely,
            (true, _) => Confidence::Certain,
            // It inherits orphans too, and an exec that was not seen leaves that open.
            (false, true) if evidence.program.age_ns.is_none() => Confidence::Guess,
            (false, _) => Confidence::Likely,
        },
    })
}

/// The zombies that the current program started, and why it does not reap them.
fn others(evidence: &Evidence) -> Option<String> {
    let zombies = &evidence.zombies;
    let others = zombies
        .old
        .saturating_sub(zombies.forked_before_exec + zombies.adopted);
    let verb = if others == 1 { "was" } else { "were" };
    let why = super::rules_after(RULE.id, evidence).map_or(String::new(), |verdict| {
        let confidence = verdict.confidence;
        format!(": {} ({}, {confidence})", verdict.summary, verdict.id)
    });
    let count = words::count(others, "other zombie");
    (others > 0).then(|| format!("{count} {verb} started after that exec{why}"))
}
