//! Sentences that the verdicts share.

use super::Confidence;
use crate::culprit::evidence::{Awaited, Evidence, Reaped, Zombies};
pub(super) use crate::words::{count, span};

/// `no wait calls`, `1 wait call`, `5 wait calls`; the plural is given.
fn none_or(number: u64, noun: &str, nouns: &str) -> String {
    match number {
        0 => format!("no {nouns}"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {nouns}"),
    }
}

/// `worker (PID 42)`.
pub(super) fn subject(evidence: &Evidence) -> String {
    format!("{} (PID {})", evidence.comm, evidence.pid)
}

/// The zombies that it holds.
pub(super) fn holds(evidence: &Evidence) -> String {
    let zombies = &evidence.zombies;
    held(
        zombies.count,
        zombies.oldest_age_ns,
        zombies.age_is_lower_bound,
    )
}

pub(super) fn held(zombies: u64, oldest_ns: u64, is_lower_bound: bool) -> String {
    let least = if is_lower_bound { "at least " } else { "" };
    format!(
        "it holds {}; the oldest has been a zombie for {least}{}",
        count(zombies, "zombie"),
        span(oldest_ns)
    )
}

/// How often it waited and reaped, and for how long it was watched.
pub(super) fn habits(evidence: &Evidence) -> String {
    let habits = &evidence.habits;
    let waits = habits
        .waits
        .map(|waits| none_or(waits, "wait call", "wait calls"));
    let last = habits
        .last_wait_age_ns
        .filter(|_| habits.waits > Some(0))
        .map_or(String::new(), |ago_ns| {
            format!(" (the last one {} ago)", span(ago_ns))
        });
    let watched = match &evidence.program.age_ns {
        Some(age_ns) if *age_ns <= evidence.watched_ns => {
            format!("since it became {} {} ago", evidence.comm, span(*age_ns))
        }
        _ => format!("watched for {}", span(evidence.watched_ns)),
    };
    format!(
        "{watched}: {}{last}, {} reaped",
        waits.unwrap_or_else(|| "wait calls are not counted on this host".to_owned()),
        none_or(habits.reaped, "child", "children"),
    )
}

/// Whether it reaped before it was watched, by the kernel's CPU accounting, unless it is known to
/// have reaped since.
pub(super) fn accounts(evidence: &Evidence) -> Option<String> {
    let stat = format!("/proc/{}/stat", evidence.pid);
    match evidence
        .reaped_before()
        .filter(|_| evidence.habits.reaped == 0)?
    {
        Reaped::ByThisProgram => Some(format!(
            "it has reaped children before: {stat} includes their page faults and CPU time"
        )),
        Reaped::Perhaps => Some(format!(
            "children were reaped in this process before ({stat} includes their page faults and \
             CPU time), but perhaps by an earlier program"
        )),
        Reaped::Never if evidence.zombies.age_is_lower_bound => Some(format!(
            "no child was ever reaped in this process: {stat} includes no page faults or CPU time \
             of children"
        )),
        Reaped::Never => None,
    }
}

/// That it has no means to notice a death, if that is known.
pub(super) fn no_notification(evidence: &Evidence) -> Option<String> {
    let line = "no thread is in a wait call, and it has neither a SIGCHLD handler nor a signalfd";
    evidence.cannot_notice_deaths().then(|| line.to_owned())
}

/// How it is notified of deaths.
pub(super) fn sigchld_handling(evidence: &Evidence) -> Option<String> {
    let facts = evidence.facts.as_ref()?;
    let caught = facts.sigchld.is_some_and(|sigchld| sigchld.caught);
    if caught {
        Some("a SIGCHLD handler is installed".to_owned())
    } else if facts.signalfd == Some(true) {
        Some("it has a signalfd for SIGCHLD".to_owned())
    } else {
        None
    }
}

/// Whether it ran while it was watched, and so could have waited.
pub(super) fn ran(evidence: &Evidence) -> Option<String> {
    let span = span(evidence.since.as_ref()?.span_ns);
    Some(if evidence.ran_since_last_look()? {
        format!("it ran in the last {span} and did not reap them")
    } else {
        format!("it slept for the last {span}, so it had no chance to call wait")
    })
}

/// The zombies that the other counts are of, after "the" or a number of them.
pub(super) fn examined(zombies: &Zombies) -> String {
    if zombies.is_sample {
        format!("{} oldest zombies", zombies.old)
    } else {
        count(zombies.old, "zombie")
    }
}

/// Which zombies it inherited, and from what.
pub(super) fn adopted(evidence: &Evidence) -> Option<String> {
    let zombies = &evidence.zombies;
    if zombies.adopted == 0 {
        return None;
    }
    let of = if zombies.adopted == zombies.old {
        match zombies.old {
            1 => "the zombie is an inherited orphan".to_owned(),
            2 => "both zombies are inherited orphans".to_owned(),
            all if zombies.is_sample => format!("the {all} oldest zombies are inherited orphans"),
            all => format!("all {all} zombies are inherited orphans"),
        }
    } else {
        let verb = if zombies.adopted == 1 {
            "is an inherited orphan"
        } else {
            "are inherited orphans"
        };
        format!("{} of the {} {verb}", zombies.adopted, examined(zombies))
    };
    let forker = zombies.forker.as_ref();
    let forker = forker.map_or(String::new(), |forker| format!(" ({forker})"));
    Some(format!(
        "{of}: the parent that started them{forker} has exited"
    ))
}

/// The program that the process ran before.
pub(super) fn program(evidence: &Evidence) -> Option<String> {
    let former = evidence.program.former.as_ref()?;
    Some(match evidence.program.age_ns {
        Some(age_ns) => format!(
            "until {} ago this process ran {former}; the wait calls of {former} are not counted",
            span(age_ns)
        ),
        None => format!("this process ran {former} before its last exec"),
    })
}

/// `PID 42 only`.
pub(super) fn awaited(awaited: Awaited) -> String {
    match awaited {
        Awaited::Any => "any child".to_owned(),
        Awaited::Process(pid) => format!("PID {pid} only"),
        Awaited::NamespaceProcess(pid) => format!("PID {pid} of its own PID namespace only"),
        Awaited::NamespaceGroup(group) => {
            format!("process group {group} of its own PID namespace only")
        }
        Awaited::Group(0) => "its own process group only".to_owned(),
        Awaited::Group(group) => format!("process group {group} only"),
        Awaited::Pidfd => "one process by its pidfd".to_owned(),
        Awaited::OfThread => "children of the calling thread only (__WNOTHREAD)".to_owned(),
    }
}

/// The confidence, at most `best`, that something does not happen because it was not seen. It takes
/// a process that had its chance: one that ran and was watched for a while, or one that waits for
/// signals and gets none when a child dies.
pub(super) fn not_seen(evidence: &Evidence, best: Confidence) -> Confidence {
    let watched = evidence.watched_ns >= WATCHED_NS && evidence.habits.waits.is_some();
    let ran = evidence.ran_since_last_look() == Some(true);
    if (watched && ran) || gets_no_signal(evidence) {
        best.min(Confidence::Likely)
    } else {
        Confidence::Guess
    }
}

/// Long enough to see a parent that polls wait.
const WATCHED_NS: u64 = 10_000_000_000;

/// Whether all its threads wait for signals, and the death of a child sends it none.
fn gets_no_signal(evidence: &Evidence) -> bool {
    use crate::culprit::evidence::block::On;
    let Some(facts) = evidence
        .facts
        .as_ref()
        .filter(|_| evidence.cannot_notice_deaths())
    else {
        return false;
    };
    let signal = |on: &On| *on == On::Signal;
    let mut threads = facts.living();
    threads.all(|thread| thread.block.as_ref().is_some_and(|block| signal(&block.on)))
}
