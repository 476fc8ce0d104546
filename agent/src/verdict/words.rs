//! Facts as plain sentences, the same in every verdict.

use super::Confidence;
use crate::evidence::{Awaited, Evidence};

/// `4m`, `12s`, `3h`: the largest unit that fits.
pub fn span(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 => "less than 1s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `1 zombie`, `2 zombies`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `once`, `3 times`.
fn times(number: u64) -> String {
    match number {
        1 => "once".to_owned(),
        _ => format!("{number} times"),
    }
}

/// `worker (PID 42)`.
pub(super) fn who(evidence: &Evidence) -> String {
    format!("{} (PID {})", evidence.comm, evidence.pid)
}

/// What it holds.
pub(super) fn holds(evidence: &Evidence) -> String {
    let zombies = &evidence.zombies;
    let least = if zombies.age_is_lower_bound {
        "at least "
    } else {
        ""
    };
    format!(
        "holds {}, the oldest dead for {least}{}",
        count(zombies.count, "zombie"),
        span(zombies.oldest_age_ns)
    )
}

/// How often it waited and reaped.
pub(super) fn habits(evidence: &Evidence) -> String {
    let habits = &evidence.habits;
    let reaped = format!(
        "reaped {}",
        if habits.reaped == 1 {
            "1 child".to_owned()
        } else {
            format!("{} children", habits.reaped)
        }
    );
    let during = format!("while reapwatch looked, for {}", span(evidence.watched_ns));
    match (habits.waits, habits.last_wait_age_ns) {
        (None, _) => format!("has {reaped} {during}; its wait calls are not counted here"),
        (Some(waits), Some(ago_ns)) if waits > 0 => format!(
            "has called wait {} and {reaped} {during}; the last call began {} ago",
            times(waits),
            span(ago_ns)
        ),
        (Some(waits), _) => format!("has called wait {} and {reaped} {during}", times(waits)),
    }
}

/// Where the threads are, if that is known.
pub(super) fn threads(evidence: &Evidence) -> Option<String> {
    let facts = evidence.facts.as_ref()?;
    let first = facts.living().next()?;
    let place = match &first.wchan {
        Some(wchan) => format!("sleeps in {wchan}"),
        None => format!("is in state {}", first.state),
    };
    Some(match facts.threads {
        1 => format!("its only thread {place}"),
        threads => format!("of its {threads} threads, thread {} {place}", first.tid),
    })
}

/// Who created what it adopted.
pub(super) fn adopted(evidence: &Evidence) -> Option<String> {
    let zombies = &evidence.zombies;
    let forker = zombies.forker.as_ref().filter(|_| zombies.adopted > 0)?;
    let of = if zombies.adopted == zombies.old {
        "all".to_owned()
    } else {
        format!("{} of {}", zombies.adopted, zombies.old)
    };
    Some(format!(
        "{of} were left to it by a parent that is gone, such as {forker}"
    ))
}

/// `process 42`, as whoever waits knows it.
pub(super) fn awaited(awaited: Awaited) -> String {
    match awaited {
        Awaited::Any => "any child".to_owned(),
        Awaited::Process(pid) => format!("process {pid} only"),
        Awaited::Group(0) => "its own process group only".to_owned(),
        Awaited::Group(group) => format!("process group {group} only"),
        Awaited::Pidfd => "the process of one pidfd only".to_owned(),
    }
}

/// The sentence that ends remedies which only a new start can be.
pub(super) fn restart(evidence: &Evidence) -> String {
    format!(
        "restart {} when that is convenient: its zombies go to an init that reaps them",
        who(evidence)
    )
}

/// How sure one may be of something that was not seen to happen: at most `best`.
pub(super) fn not_seen(evidence: &Evidence, best: Confidence) -> Confidence {
    const LEAST_NS: u64 = 10_000_000_000;
    if evidence.watched_ns < LEAST_NS {
        Confidence::Guess
    } else {
        best
    }
}

/// Whether it was watched for all the time that its oldest zombie lies dead, and long enough to
/// see a parent that only waits now and then.
pub(super) fn long_watched(evidence: &Evidence) -> bool {
    const LONG_NS: u64 = 60_000_000_000;
    let all_along = !evidence.zombies.age_is_lower_bound;
    all_along && evidence.zombies.oldest_age_ns >= LONG_NS && evidence.watched_ns >= LONG_NS
}
