//! It would reap on SIGCHLD, which is blocked and stays pending.

use super::{Confidence, Verdict, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "sigchld_blocked";

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
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    let facts = evidence.facts.as_ref()?;
    let sigchld = facts.sigchld?;
    let living = facts.living().count() as u32;
    let awaits_signals = facts.living().any(|thread| {
        let wchan = thread.wchan.as_deref();
        wchan.is_some_and(|wchan| SIGNAL_WAITS.contains(&wchan))
    });
    let is_wanted = sigchld.caught || awaits_signals;
    let blocked = living > 0 && sigchld.blocked_in == living;
    if !blocked || !sigchld.pending || !is_wanted || evidence.waits_elsewhere().is_some() {
        return None;
    }
    let waited = evidence.waited_beside_the_dead();
    if waited == Some(true) || evidence.reaped_beside_the_dead() {
        return None;
    }
    let who = words::who(evidence);
    let mut lines = vec![
        match living {
            1 => "SIGCHLD is blocked in its only thread, and one is pending".to_owned(),
            threads => format!("SIGCHLD is blocked in all {threads} threads, and one is pending"),
        },
        if sigchld.caught {
            "a handler for SIGCHLD is installed, and is not called".to_owned()
        } else {
            "no handler for SIGCHLD is installed".to_owned()
        },
    ];
    lines.extend(words::threads(evidence));
    lines.extend([words::holds(evidence), words::habits(evidence)]);
    Some(Verdict {
        id: ID,
        summary: format!("{who} blocks SIGCHLD, so it never learns that its children are dead"),
        evidence: lines,
        remedy: format!(
            "mend {}: unblock SIGCHLD at its start, since a mask is inherited over exec; until then, {}",
            evidence.comm,
            words::restart(evidence)
        ),
        confidence: match (sigchld.caught, waited) {
            (true, Some(_)) => Confidence::Certain,
            (true, None) => Confidence::Likely,
            (false, _) => Confidence::Guess,
        },
    })
}
