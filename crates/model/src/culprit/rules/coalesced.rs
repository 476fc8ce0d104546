//! Standard signals do not queue, so several deaths can arrive as one SIGCHLD. A parent that waits
//! once per signal leaves the other zombies.

use super::{Confidence, Rule, Verdict, remedy, waiting, words};
use crate::culprit::evidence::{Block, Evidence, Reaped, block::On};

pub(super) const RULE: Rule = Rule {
    id: "sigchld_coalesced",
    meaning: "SIGCHLD does not queue, so several deaths can arrive as one signal. The parent waits \
              once per signal, or once per round of its loop, and leaves the other zombies.",
    judge,
};

/// Applies if it reaped while other children were zombies, in the order of a wait for any child; and
/// if that most likely happened before it was watched.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    judge_seen(evidence).or_else(|| judge_unseen(evidence))
}

/// For zombies that are older than the agent: the parent has reaped, receives SIGCHLD, has none
/// pending, and is idle. A handler that reaps all dead children would have left none.
fn judge_unseen(evidence: &Evidence) -> Option<Verdict> {
    use Reaped::{ByThisProgram, Perhaps};
    let facts = evidence.facts.as_ref()?;
    let sigchld = facts.sigchld?;
    let has_reaped = matches!(evidence.reaped_before(), Some(ByThisProgram | Perhaps));
    let receives_sigchld = facts.signalfd == Some(true)
        || (sigchld.caught && sigchld.blocked_in == 0)
        || evidence.reaper_is_in_sigwait();
    let idle = evidence.reaping_thread().is_some_and(|(thread, _)| {
        let block = thread.block.as_ref();
        let held_up = |block: &Block| block.is_hard() || block.on == On::PrivateFutex;
        thread.state == 'S' && !block.is_some_and(held_up)
    });
    if evidence.was_seen_waiting()
        || evidence.waits_by_pid()
        || !evidence.zombies.age_is_lower_bound
        || evidence.holds_mostly_adopted()
        || !(has_reaped && receives_sigchld && !sigchld.pending && idle)
    {
        return None;
    }
    let mut lines = Vec::from_iter(words::sigchld_handling(evidence));
    lines.push("no SIGCHLD is pending, so it has handled the one for these zombies".to_owned());
    lines.extend(words::accounts(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::program(evidence));
    let fix = "on each SIGCHLD, reap all dead children: call waitpid(-1, …, WNOHANG) as long as \
               it returns a PID or, if it waits by PID, call it for each child that it started";
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{} probably waits once when several children have died, and leaves the rest",
            words::subject(evidence)
        ),
        evidence: lines,
        remedy: remedy::fix_program(evidence, fix),
        confidence: Confidence::Guess,
    })
}

fn judge_seen(evidence: &Evidence) -> Option<Verdict> {
    let asks_for_any = evidence.waited_for_any_since_oldest_death();
    let by_pid = evidence.waits_once_per_signal();
    let in_order = evidence.zombies.passed_over == 0 && asks_for_any != Some(false);
    if !evidence.reaped_since_oldest_death()
        || !(in_order || by_pid)
        || evidence.has_not_waited_since_they_died()
    {
        return None;
    }
    let sigchld = evidence.facts.as_ref().and_then(|facts| facts.sigchld);
    let caught = sigchld.map(|it| it.caught);
    let each_took_one = evidence.since.as_ref().is_some_and(|since| {
        since.held_throughout && since.reaped > 1 && since.waits == Some(since.reaped)
    });
    let mut lines = vec!["it has reaped some of its children while others were zombies".to_owned()];
    if let Some(since) = evidence.since.as_ref().filter(|_| each_took_one) {
        lines.push(format!(
            "in the last {} each of its {} reaped one child; it did not repeat the call until no \
             dead child was left",
            words::span(since.span_ns),
            words::count(since.reaped, "wait call")
        ));
    }
    if by_pid {
        lines.push(
            "each of its wait calls was for one child and reaped it, as if it took the PID from the \
             signal (si_pid, ssi_pid)"
                .to_owned(),
        );
    }
    lines.extend(words::sigchld_handling(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::program(evidence));
    // Without the signal it has another reason to wait, such as a round of its loop.
    let may_signal = caught != Some(false) || evidence.receives_sigchld();
    let fix = fix(evidence, may_signal);
    let who = words::subject(evidence);
    Some(Verdict {
        id: RULE.id,
        summary: if may_signal {
            format!("{who} waits once when several children have died, so that others stay zombies")
        } else {
            format!(
                "{who} reaps one child each time that it waits, so that others stay zombies until \
                 later"
            )
        },
        evidence: lines,
        remedy: remedy::fix_program(evidence, &fix),
        confidence: match (caught, each_took_one) {
            // It may know those PIDs from another source, and not yet those of the zombies.
            _ if by_pid && !evidence.reaper_awaits_signals() => Confidence::Guess,
            _ if by_pid => Confidence::Likely,
            // Its wait arguments are not known and it has no handler: it may wait by PID.
            (Some(false), _) if asks_for_any.is_none() => Confidence::Guess,
            (Some(true), true) => Confidence::Certain,
            (Some(true), false) | (_, true) => Confidence::Likely,
            _ => Confidence::Guess,
        },
    })
}

/// How to take all children that are dead, when a signal may be the reason to wait and when not.
fn fix(evidence: &Evidence, may_signal: bool) -> String {
    let when = if may_signal {
        "on each SIGCHLD"
    } else {
        "each time that it waits"
    };
    let asks_for_any = evidence.waited_for_any_since_oldest_death();
    if evidence.waits_by_pid() || asks_for_any.is_none() {
        format!("{when}, call waitpid with WNOHANG for every child it started, not just for one")
    } else {
        format!("{when}, call waitpid(-1, …, WNOHANG) as long as it returns a PID")
    }
}
