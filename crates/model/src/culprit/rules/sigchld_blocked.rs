//! It would reap on SIGCHLD, which is blocked and stays pending.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Block, Evidence, block::On};

pub(super) const RULE: Rule = Rule {
    id: "sigchld_blocked",
    meaning: "The parent reaps when SIGCHLD arrives, but SIGCHLD is blocked in every thread and \
              stays pending.",
    judge,
};

const UNBLOCK: &str = "unblock SIGCHLD when it starts, or in whatever starts it (the signal mask \
    is inherited across exec)";

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
    // A shell blocks it for the time of one read, system(3) for that of one wait.
    let in_call = evidence.ran_beside_the_dead() != Some(true)
        && super::waits_of(evidence).is_some_and(|it| !matches!(it.on, On::Timer | On::Signal));
    if in_call && super::waits_of(evidence).is_some_and(Block::is_hard) {
        return None;
    }
    let who = words::who(evidence);
    let mut lines = vec![
        match living {
            1 => "SIGCHLD is blocked in its only thread and one is pending".to_owned(),
            threads => format!("SIGCHLD is blocked in all {threads} threads and one is pending"),
        },
        if sigchld.caught {
            "a SIGCHLD handler is installed; it is not called while SIGCHLD is blocked".to_owned()
        } else {
            "no SIGCHLD handler is installed".to_owned()
        },
    ];
    lines.extend(waiting::thread(evidence));
    if in_call {
        lines.push(
            "it has been in that call all the time, and may block SIGCHLD for the call only, as \
             bash does in read -t"
                .to_owned(),
        );
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    lines.extend(words::program(evidence));
    Some(Verdict {
        id: RULE.id,
        summary: if in_call {
            format!("{who} blocks SIGCHLD, at least in the call that it is in")
        } else {
            format!("{who} blocks SIGCHLD, so it never learns that its children died")
        },
        evidence: lines,
        remedy: if in_call {
            format!(
                "look again when that call has ended: it reaps then if it blocked SIGCHLD for the \
                 call only; if not, {}",
                remedy::fix_program(evidence, UNBLOCK)
            )
        } else {
            remedy::fix_program(evidence, UNBLOCK)
        },
        confidence: match (sigchld.caught, waited) {
            _ if in_call => Confidence::Guess,
            (true, Some(_)) => Confidence::Certain,
            (true, None) => Confidence::Likely,
            (false, _) => Confidence::Guess,
        },
    })
}
