//! Facts as plain sentences, the same in every verdict on a process that does not die.

use super::super::{Confidence, words::span};
use crate::evidence::stuck::{Connection, Facts, Stuck, Thread, Who, steps::Step};

/// Frames that are shown of a stack.
const FRAMES: usize = 8;

/// `app (PID 42)`.
pub(super) fn who(stuck: &Stuck) -> String {
    format!("{} (PID {})", stuck.comm, stuck.pid)
}

/// `sshfs (PID 12), which is stopped`.
pub(super) fn other(who: &Who) -> String {
    let state = match who.state {
        Some('T') => ", which is stopped",
        Some('t') => ", which a debugger has stopped",
        Some('D') => ", which itself sleeps uninterruptibly",
        Some('Z') => ", which is a zombie",
        _ => "",
    };
    let comm = if who.comm.is_empty() { "?" } else { &who.comm };
    format!("{comm} (PID {}){state}", who.pid)
}

/// Where the thread is.
pub(super) fn place(thread: &Thread) -> String {
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

/// For how long, and by whom.
pub(super) fn since(stuck: &Stuck) -> String {
    let span = match (stuck.is_lower_bound, stuck.stuck_ns) {
        (true, 0..1_000_000_000) => "on its way out since before reapwatch came".to_owned(),
        (true, ns) => format!("on its way out for at least {}", span(ns)),
        (false, ns) => format!("on its way out for {}", span(ns)),
    };
    match &stuck.kill {
        Some((signal, by)) => {
            format!("{span}; the last fatal signal is {signal} from {by}")
        }
        None => format!("{span}; no fatal signal was seen"),
    }
}

/// What the other threads do.
pub(super) fn others(facts: &Facts, decisive: &Thread) -> Option<String> {
    let rest = facts.threads.len().saturating_sub(1);
    if rest == 0 && facts.ended == 0 {
        return None;
    }
    let mut words = Vec::new();
    if facts.ended > 0 {
        words.push(format!("{} ended and wait for it", facts.ended));
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
    Some(format!("of its other threads {}", words.join(", ")))
}

/// Facts that do not go together.
pub(super) fn contradiction(facts: &Facts, thread: &Thread) -> Option<&'static str> {
    let runs = thread.state == 'R';
    let step = thread.step();
    if runs
        && matches!(
            step,
            Step::Frozen | Step::PtraceExitStop | Step::UnkillableSleep
        )
    {
        Some("it runs")
    } else if step == Step::DumpingCore && facts.dumps_core == Some(false) {
        Some("the kernel says that it dumps no core")
    } else {
        None
    }
}

/// The FUSE connections, one a line.
pub(super) fn connections(facts: &Facts) -> Vec<String> {
    let lead = if facts.fuse_is_exact {
        "it waits for"
    } else {
        "it may wait for"
    };
    let line = |connection: &Connection| {
        let mount = connection
            .mount
            .as_deref()
            .map(|it| format!(" ({it})"))
            .unwrap_or_default();
        let waiting = match connection.waiting {
            Some(1) => ", with 1 request unanswered".to_owned(),
            Some(number) => format!(", with {number} requests unanswered"),
            None => String::new(),
        };
        let servers: Vec<_> = connection.servers.iter().map(other).collect();
        let servers = match (servers.len(), connection.servers_are_certain) {
            (0, _) => "; nobody seen here serves it".to_owned(),
            (_, true) => format!("; served by {}", servers.join(" and ")),
            (_, false) => format!("; served by one of {}", servers.join(", ")),
        };
        format!(
            "{lead} FUSE connection {}{mount}{waiting}{servers}",
            connection.number
        )
    };
    facts.fuse.iter().map(line).collect()
}

/// What to do about a FUSE server that does not answer.
pub(super) fn abort(facts: &Facts) -> Option<(String, Confidence)> {
    let [connection] = &facts.fuse[..] else {
        let first = facts.fuse.first()?;
        return Some((
            format!(
                "find out which server does not answer and restart it, or abort its connection: \
                 every call on that file system then fails with ENOTCONN; for connection {}: {}",
                first.number, first.abort
            ),
            Confidence::Likely,
        ));
    };
    let server = match &connection.servers[..] {
        [server] => format!("see why {} does not answer", other(server)),
        _ => "see why its server does not answer".to_owned(),
    };
    let confidence = if facts.fuse_is_exact {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    Some((
        format!(
            "{server}; if it will not, abort the connection, upon which every call on that file \
             system fails with ENOTCONN until it is mounted anew: {}",
            connection.abort
        ),
        confidence,
    ))
}

/// What to do about file systems of another machine.
pub(super) fn network(facts: &Facts) -> Option<(String, String)> {
    let first = facts.network.first()?;
    Some((
        format!(
            "it waits for a network file system; it sees {}",
            facts.network.join(", ")
        ),
        format!("bring the server of {first} back, or the network to it: the call ends then"),
    ))
}

/// Whether it waits for a disk.
pub(super) fn waits_for_block(thread: &Thread) -> bool {
    const CALLS: [&str; 6] = [
        "io_schedule",
        "bio_wait",
        "submit_bio_wait",
        "blk_",
        "jbd2_",
        "wait_on_buffer",
    ];
    thread.is_in_any(&CALLS)
}
