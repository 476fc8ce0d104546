//! It would reap on SIGCHLD, which is blocked and stays pending.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::evidence::{Evidence, block::On};

pub(super) const RULE: Rule = Rule {
    id: "sigchld_blocked",
    meaning: "The parent reaps when SIGCHLD arrives, but SIGCHLD is blocked in every thread and \
              stays pending.",
    judge,
};

/// Functions in which a thread waits for signals.
const SIGNAL_WAITS: [&str; 5] = [
    "sigsuspend",
    "__do_sys_pause",
    "do_sigtimedwait",
    "__x64_sys_pause",
    "__x64_sys_rt_sigsuspend",
];

/// Applies where all threads block it, one is pending, and somebody wanted it: a handler is
/// there, or a thread waits for signals. Who takes it by sigwait or signalfd leaves none pending.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let facts = evidence.facts.as_ref()?;
    let sigchld = facts.sigchld?;
    let living = facts.living().count() as u32;
    let awaits_signals = facts.living().any(|thread| {
        let wchan = thread.wchan.as_deref();
        let by_call = thread.block.as_ref().is_some_and(|it| it.on == On::Signal);
        by_call || wchan.is_some_and(|wchan| SIGNAL_WAITS.contains(&wchan))
    });
    let is_wanted = sigchld.caught || awaits_signals;
    let blocked = living > 0 && sigchld.blocked_in == living;
    // The reader of a signalfd blocks it on purpose.
    let has_signalfd = facts.signalfd == Some(true);
    if !blocked || !sigchld.pending || !is_wanted || has_signalfd {
        return None;
    }
    if evidence.waits_elsewhere().is_some() {
        return None;
    }
    let waited = evidence.waited_beside_the_dead();
    if waited == Some(true) || evidence.reaped_beside_the_dead() {
        return None;
    }
    let who = words::who(evidence);
    let mut lines = vec![
        match living {
            1 => "SIGCHLD is blocked in its only thread and one is pending".to_owned(),
            threads => format!("SIGCHLD is blocked in all {threads} threads and one is pending"),
        },
        if sigchld.caught {
            "a SIGCHLD handler is installed but never called".to_owned()
        } else {
            "no SIGCHLD handler is installed".to_owned()
        },
    ];
    lines.extend(waiting::thread(evidence));
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    lines.extend(words::program(evidence));
    Some(Verdict {
        id: RULE.id,
        summary: format!("{who} blocks SIGCHLD, so it never learns that its children died"),
        evidence: lines,
        remedy: remedy::fix_program(
            evidence,
            "unblock SIGCHLD when it starts, or in whatever starts it (the signal mask is inherited \
             across exec)",
        ),
        confidence: match (sigchld.caught, waited) {
            (true, Some(_)) => Confidence::Certain,
            (true, None) => Confidence::Likely,
            (false, _) => Confidence::Guess,
        },
    })
}
