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

/// How often it waited and reaped, and for how long that was watched.
pub(super) fn habits(evidence: &Evidence) -> String {
    let habits = &evidence.habits;
    let none_or = |number: u64, noun: &str, nouns: &str| match number {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {nouns}"),
    };
    let waits = habits
        .waits
        .map(|waits| none_or(waits, "wait call", "wait calls"));
    let last = habits
        .last_wait_age_ns
        .filter(|_| habits.waits > Some(0))
        .map_or(String::new(), |ago_ns| {
            format!(" (the last {} ago)", span(ago_ns))
        });
    format!(
        "watched for {}: {}{last}, {} reaped",
        span(evidence.watched_ns),
        waits.unwrap_or_else(|| "wait calls are not counted here".to_owned()),
        none_or(habits.reaped, "child", "children"),
    )
}

/// That nothing will make it wait, where that is known.
pub(super) fn deaf(evidence: &Evidence) -> Option<String> {
    let line = "no thread of it is inside a wait, and no handler for SIGCHLD would call one";
    evidence.is_deaf().then(|| line.to_owned())
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

/// How sure one may be of something that was not seen to happen: at most `best`. What was not
/// watched for long may still be likely by what its threads do, and by how long its zombies lie.
pub(super) fn not_seen(evidence: &Evidence, best: Confidence) -> Confidence {
    const WATCHED_NS: u64 = 10_000_000_000;
    if evidence.watched_ns >= WATCHED_NS {
        best
    } else if evidence.is_deaf() && evidence.zombies.oldest_age_ns >= LONG_NS {
        best.min(Confidence::Likely)
    } else {
        Confidence::Guess
    }
}

/// Long enough to see a parent that only waits now and then.
const LONG_NS: u64 = 60_000_000_000;

/// Whether it was watched for all the time that its oldest zombie lies dead, and for long.
pub(super) fn long_watched(evidence: &Evidence) -> bool {
    let all_along = !evidence.zombies.age_is_lower_bound;
    all_along && evidence.zombies.oldest_age_ns >= LONG_NS && evidence.watched_ns >= LONG_NS
}
