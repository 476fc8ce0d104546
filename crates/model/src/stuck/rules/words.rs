//! Sentences that the verdicts on processes that do not die share.

use super::Confidence;
use crate::stuck::evidence::{Actor, Connection, Facts, Hidden, Stuck, Thread};
use crate::stuck::steps::dumping_core;
use crate::words::{count, named, span};

/// Frames that are shown of a stack.
const FRAMES: usize = 8;

/// The processes that it waits for were not looked up.
pub(super) const UNSEARCHED: &str =
    "reapwatch had no time to look for the processes that it waits for; try again";

/// `app (PID 42)`.
pub(super) fn subject(stuck: &Stuck) -> String {
    named(stuck.pid, &stuck.comm)
}

/// `sshfs (PID 12)`.
pub(super) fn name(actor: &Actor) -> String {
    named(actor.pid, &actor.comm)
}

/// With its state: `sshfs (PID 12), which is stopped`.
pub(super) fn with_state(actor: &Actor) -> String {
    let state = match (actor.state, &actor.tracer) {
        (Some('T'), _) => ", which is stopped".to_owned(),
        (Some('t'), Some(tracer)) => {
            format!(", which is stopped by its tracer {}", name(tracer))
        }
        (Some('t'), None) => ", which is stopped by its tracer".to_owned(),
        (Some('D'), _) => ", which is in uninterruptible sleep".to_owned(),
        (Some('Z'), _) => ", which is a zombie".to_owned(),
        _ => String::new(),
    };
    name(actor) + &state
}

/// Several, `a (PID 1) and b (PID 2)`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The state and kernel stack of a thread.
pub(super) fn thread_state(thread: &Thread) -> String {
    let state = thread.state;
    if !thread.stack.is_empty() {
        let frames = thread.stack.iter().take(FRAMES);
        let frames: Vec<_> = frames.map(|frame| frame.function.as_str()).collect();
        return format!(
            "thread {} is in state {state}, kernel stack: {}",
            thread.tid,
            frames.join(" < ")
        );
    }
    match &thread.wchan {
        Some(wchan) => format!("thread {} is in state {state}, in {wchan}", thread.tid),
        None => format!("thread {} is in state {state}", thread.tid),
    }
}

/// That its stack could not be read, with the missing capability.
pub(super) fn unreadable(facts: &Facts, thread: &Thread) -> String {
    let [stack, wchan] = facts.needs;
    let wchan = wchan.filter(|_| thread.wchan.is_none());
    let needs = [
        stack.map(|it| format!("that needs {it}")),
        wchan.map(|it| format!("the function that it sleeps in needs {it}")),
    ];
    let needs: Vec<_> = needs.into_iter().flatten().collect();
    let lead = "its kernel stack could not be read";
    match &needs[..] {
        [] => lead.to_owned(),
        needs => format!("{lead}: {}", needs.join(", ")),
    }
}

/// For how long it has been exiting, and which process killed it.
pub(super) fn duration(stuck: &Stuck) -> String {
    let begun = stuck.exit_has_begun() != Some(false);
    let span = match (stuck.is_lower_bound, stuck.stuck_ns) {
        (true, 0..1_000_000_000) if begun => "exiting since before reapwatch started".to_owned(),
        (true, ns) if begun => format!("exiting for at least {}", span(ns)),
        (false, ns) if begun => format!("exiting for {}", span(ns)),
        (true, 0..1_000_000_000) => "killed before reapwatch started, not exiting yet".to_owned(),
        (true, ns) => format!("killed at least {} ago, not exiting yet", span(ns)),
        (false, ns) => format!("killed {} ago, not exiting yet", span(ns)),
    };
    match &stuck.kill {
        Some((signal, by)) => format!("{span}; last fatal signal: {signal} from {by}"),
        None if begun => format!("{span}; no fatal signal was seen"),
        None => format!("{span}; the sender was not seen"),
    }
}

/// Counts of its other threads.
pub(super) fn other_threads(facts: &Facts, decisive: &Thread) -> Option<String> {
    let rest = facts.threads.len().saturating_sub(1);
    if rest == 0 && facts.ended == 0 {
        return None;
    }
    let mut words = Vec::new();
    match facts.ended {
        0 => {}
        1 => words.push("1 has exited".to_owned()),
        ended => words.push(format!("{ended} have exited")),
    }
    let same = facts
        .threads
        .iter()
        .filter(|it| it.step() == decisive.step())
        .count()
        - 1;
    if same > 0 {
        words.push(format!("{same} in the same step"));
    }
    if rest > same {
        words.push(format!("{} elsewhere", rest - same));
    }
    Some(format!("other threads: {}", words.join(", ")))
}

/// A contradiction in the facts.
pub(super) fn contradiction(facts: &Facts, thread: &Thread) -> Option<&'static str> {
    let step = thread.step();
    if thread.state == 'R' && step.sleeps() {
        Some("it is running")
    } else if step == &dumping_core::STEP && facts.dumps_core == Some(false) {
        Some("the kernel reports that it is not dumping core")
    } else {
        None
    }
}

/// The command that prints the kernel stack of a thread.
pub(super) fn stack_command(stuck: &Stuck, thread: &Thread) -> String {
    format!("cat /proc/{}/task/{}/stack", stuck.pid, thread.tid)
}

/// The FUSE connections, one a line.
pub(super) fn connections(facts: &Facts) -> Vec<String> {
    let lead = if facts.fuse_is_exact {
        "it waits for"
    } else {
        "it may be waiting for"
    };
    let line = |connection: &Connection| {
        let waiting = match connection.waiting {
            Some(number) => format!(", {} unanswered", count(number, "request")),
            None => String::new(),
        };
        let servers: Vec<_> = connection.servers.iter().map(with_state).collect();
        let servers = match (servers.len(), connection.servers_are_certain) {
            (0, _) if let Some(hidden) = connection.hidden => {
                format!(
                    "; its server could not be looked up ({})",
                    why_hidden(hidden)
                )
            }
            (0, _) => "; no process serves it".to_owned(),
            (_, true) => format!("; served by {}", list(&servers)),
            (_, false) => format!("; served by one of {}", servers.join(", ")),
        };
        format!(
            "{lead} FUSE {}{waiting}{servers}",
            connection_name(connection)
        )
    };
    facts.fuse.iter().map(line).collect()
}

fn why_hidden(hidden: Hidden) -> String {
    match hidden {
        Hidden::Needs(capability) => format!("needs {capability}"),
        Hidden::Refused => "some processes cannot be inspected".to_owned(),
        Hidden::Cut => "there was no time to inspect all processes".to_owned(),
    }
}

/// `connection 38 (sshfs on /mnt)`.
pub(super) fn connection_name(connection: &Connection) -> String {
    let mount = connection.mount.as_deref().map(|it| format!(" ({it})"));
    format!(
        "connection {}{}",
        connection.number,
        mount.unwrap_or_default()
    )
}

/// The fact and the remedy for a network file system.
pub(super) fn network(facts: &Facts) -> Option<(String, String)> {
    let first = facts.network.first()?;
    Some((
        format!(
            "it waits for a network file system; mounted here: {}",
            facts.network.join(", ")
        ),
        format!("restore the server of {first}, or the network path to it; the call then returns"),
    ))
}

/// The highest confidence: lower if the connection is only one of several candidates.
pub(super) fn fuse_confidence(facts: &Facts) -> Confidence {
    if facts.fuse_is_exact {
        Confidence::Certain
    } else {
        Confidence::Likely
    }
}
