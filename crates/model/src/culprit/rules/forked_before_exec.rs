//! Its children are those of the program that it was before: an exec keeps the children, and the
//! new program does not know of them
//! ([`begin_new_exec`](https://elixir.bootlin.com/linux/v6.12/A/ident/begin_new_exec)).

use super::{Confidence, Rule, Verdict, remedy, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "forked_before_exec",
    meaning: "A script (or another program) started these children and then replaced itself by \
              exec with the program that now holds them and does not know about them.",
    judge,
};

/// Applies where most of the zombies are such.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let (before, old) = (evidence.zombies.forked_before_exec, evidence.zombies.old);
    if before == 0 || before * 2 < old {
        return None;
    }
    let who = words::who(evidence);
    let script = evidence.zombies.forked_as.as_ref();
    let script = script.or(evidence.program.former.as_ref());
    let seen = script.is_some() && evidence.program.age_ns.is_some();
    let script = script.map_or(
        "the program that ran before in this process",
        String::as_str,
    );
    let mut lines = vec![format!(
        "{before} of {} forked by {script} as PID {}, before that process became {} by exec{}",
        match old {
            1 => "1 zombie was".to_owned(),
            old => format!("{old} zombies were"),
        },
        evidence.pid,
        evidence.comm,
        match evidence.program.age_ns {
            Some(age_ns) => format!(" {} ago", words::span(age_ns)),
            None => String::new(),
        }
    )];
    // One that execs itself may hand their PIDs on.
    let itself = script == evidence.comm;
    lines.push(format!(
        "{}{} does not know about them; it can get no more of them than {script} left running",
        if itself {
            "unless it told itself their PIDs, "
        } else {
            ""
        },
        evidence.comm
    ));
    let others = old.saturating_sub(before + evidence.zombies.adopted);
    if others > 0 {
        let itself = words::count(others, "other zombie");
        let why = super::rules_after(RULE.id, evidence).map_or(String::new(), |verdict| {
            format!(
                ": {} ({}, {})",
                verdict.summary,
                verdict.id,
                verdict.confidence.name()
            )
        });
        lines.push(format!("it started {itself} since then{why}"));
    }
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    let clear = remedy::clear(evidence);
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{who} was started by exec from {script}, which left it children that it does not know"
        ),
        evidence: lines,
        remedy: format!(
            "fix the script that starts {}: no background job (&) and no process substitution \
             before its exec, or wait for them first; an init such as tini does not help, they \
             are not orphans; not urgent, since their number is limited{}",
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
