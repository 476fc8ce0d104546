//! It reaps on SIGCHLD, but SIGCHLD is blocked and stays pending.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Block, Evidence, Facts, Sigchld, block::On};

pub(super) const RULE: Rule = Rule {
    id: "sigchld_blocked",
    meaning: "The parent reaps when SIGCHLD arrives, but SIGCHLD is blocked in every thread and \
              stays pending.",
    judge,
};

const UNBLOCK: &str = "unblock SIGCHLD at startup, or in the program that starts it (the signal \
    mask is inherited across exec)";

/// Functions in which a thread waits for signals.
const SIGNAL_WAITS: [&str; 6] = [
    "sigsuspend",
    "__do_sys_pause",
    "do_sigtimedwait",
    "__x64_sys_pause",
    "__x64_sys_rt_sigsuspend",
    "__arm64_sys_rt_sigsuspend",
];

/// Whether all threads block it, one is pending, and the program expects it.
fn is_blocked(facts: &Facts, sigchld: Sigchld) -> bool {
    let living = facts.living().count() as u32;
    let awaits_signals = facts.living().any(|thread| {
        let wchan = thread.wchan.as_deref();
        let by_call = thread.block.as_ref().is_some_and(|it| it.on == On::Signal);
        by_call || wchan.is_some_and(|wchan| SIGNAL_WAITS.contains(&wchan))
    });
    let is_wanted = sigchld.caught || awaits_signals;
    let in_all = living > 0 && sigchld.blocked_in == living;
    // The reader of a signalfd blocks it on purpose.
    let has_signalfd = facts.signalfd == Some(true);
    in_all && sigchld.pending && is_wanted && !has_signalfd
}

/// Applies if all threads block it, one is pending, and the program expects it: it has a handler, or
/// a thread waits for signals. With sigwait or a signalfd none would stay pending.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    let facts = evidence.facts.as_ref()?;
    let sigchld = facts.sigchld?;
    if !is_blocked(facts, sigchld) || evidence.waits_elsewhere().is_some() {
        return None;
    }
    let waited = evidence.waited_since_oldest_death();
    if waited == Some(true) || evidence.reaped_since_oldest_death() {
        return None;
    }
    // A shell blocks it during a read, system(3) during a wait.
    let in_call = evidence.ran_since_last_look() != Some(true)
        && super::waits_of(evidence).is_some_and(|it| !matches!(it.on, On::Timer | On::Signal));
    if in_call && super::waits_of(evidence).is_some_and(Block::is_hard) {
        return None;
    }
    let who = words::subject(evidence);
    let mut lines = vec![
        match facts.living().count() {
            1 => "its only thread blocks SIGCHLD, and a SIGCHLD is pending".to_owned(),
            threads => format!("all {threads} threads block SIGCHLD, and a SIGCHLD is pending"),
        },
        if sigchld.caught {
            "a SIGCHLD handler is installed; it does not run while SIGCHLD is blocked".to_owned()
        } else {
            "no SIGCHLD handler is installed".to_owned()
        },
    ];
    lines.extend(waiting::thread(evidence));
    if in_call {
        lines.push(
            "it was not seen outside that call, and may block SIGCHLD only for the call, as bash \
             does in read -t"
                .to_owned(),
        );
    }
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    lines.extend(words::program(evidence));
    Some(Verdict {
        id: RULE.id,
        summary: if in_call {
            format!("{who} blocks SIGCHLD, at least during its current system call")
        } else {
            format!("{who} blocks SIGCHLD, so it is not notified when its children exit")
        },
        evidence: lines,
        remedy: if in_call {
            format!(
                "look again after that call returns: it reaps then if it blocked SIGCHLD only for \
                 the call; if not, {}",
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
