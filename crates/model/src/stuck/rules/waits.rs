//! The server or disk that a thread waits for in the kernel, and what to do about that.

use super::{Confidence, hold, words};
use crate::stuck::evidence::{Connection, Facts, Stuck, Thread};

/// What the wait is for.
pub(super) struct Waits {
    /// `a disk`, `the FUSE server sshfs (PID 7), which is stopped`.
    pub(super) what: String,
    /// Facts about it.
    pub(super) facts: Vec<String>,
    /// One sentence.
    pub(super) remedy: String,
    /// How sure it is.
    pub(super) confidence: Confidence,
}

/// `None` where its stack names no server and no disk.
pub(super) fn outside(stuck: &Stuck, thread: &Thread) -> Option<Waits> {
    let facts = stuck.facts.as_ref()?;
    let asked = thread.waits_for_requests() && !facts.fuse.is_empty();
    if asked || thread.waits_for_fuse() {
        return Some(fuse(facts));
    }
    if let Some((fact, remedy)) = words::network(facts) {
        return Some(Waits {
            what: "a network file system whose server does not answer".to_owned(),
            facts: vec![fact],
            remedy,
            confidence: Confidence::Likely,
        });
    }
    thread.waits_for_disk().then(|| Waits {
        what: "a disk".to_owned(),
        facts: Vec::new(),
        remedy: "find the disk that does not answer: look at dmesg and at the requests in flight \
                 (grep . /sys/block/*/inflight)"
            .to_owned(),
        confidence: Confidence::Likely,
    })
}

fn fuse(facts: &Facts) -> Waits {
    let held = match &facts.fuse[..] {
        [one] => one.servers.iter().find_map(|it| Some((it, hold::of(it)?))),
        _ => None,
    };
    // The line on the connection already states that its server is stopped.
    let is_stopped = held
        .as_ref()
        .is_some_and(|(server, _)| server.state == Some('T'));
    let held = held.map(|(_, held)| held);
    let what = "a FUSE server that does not answer".to_owned();
    let (what, remedy) = match &facts.fuse[..] {
        [] => (
            what,
            "find the FUSE connection with unanswered requests, and its server: \
             grep . /sys/fs/fuse/connections/*/waiting"
                .to_owned(),
        ),
        [one] => of_connection(one, facts.fuse_is_exact, held.as_ref()),
        [first, ..] => (what, of_several(first)),
    };
    Waits {
        what,
        facts: words::connections(facts)
            .into_iter()
            .chain(held.map(|held| held.why).filter(|_| !is_stopped))
            .collect(),
        remedy,
        confidence: if facts.fuse.is_empty() {
            Confidence::Likely
        } else {
            words::fuse_confidence(facts)
        },
    }
}

/// What to do if it may be any of several: most of their mounts work.
fn of_several(first: &Connection) -> String {
    let abort = first.abort.replace(&format!("/{}/", first.number), "/N/");
    let (mount, abort) = abort.split_at(abort.find("echo ").unwrap_or_default());
    format!(
        "find the connection with unanswered requests (a number that stays above 0): {mount}grep . \
         /sys/fs/fuse/connections/*/waiting; restart its server, or abort it (N is its number), \
         after which every call on that mount fails with ENOTCONN until it is mounted again: {abort}"
    )
}

/// The server that the one connection waits for, and what to do.
fn of_connection(
    connection: &Connection,
    exact: bool,
    held: Option<&hold::Hold>,
) -> (String, String) {
    let abort = format!(
        "abort the connection, after which every call on that mount fails with ENOTCONN until it \
         is mounted again: {}",
        connection.abort
    );
    // It may be another connection.
    let stays = if exact {
        String::new()
    } else {
        let number = connection.number;
        format!(" and /sys/fs/fuse/connections/{number}/waiting (fusectl) stays above 0")
    };
    let is_unserved = connection.servers.is_empty() && connection.hidden.is_none();
    if is_unserved && exact {
        return (
            "a FUSE mount that no process serves any more".to_owned(),
            abort,
        );
    }
    let [server] = &connection.servers[..] else {
        return (
            "a FUSE server that does not answer".to_owned(),
            format!(
                "find out why the server does not answer; if it cannot be fixed{stays}, {abort}"
            ),
        );
    };
    let what = format!("the FUSE server {}", words::with_state(server));
    let remedy = match held {
        Some(known) => format!("{}; if that does not help{stays}, {abort}", known.action),
        None => format!(
            "find out why {} does not answer; if it cannot be fixed{stays}, {abort}",
            words::name(server)
        ),
    };
    (what, remedy)
}
