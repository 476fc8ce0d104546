//! What the tests of all rules share.

use super::*;
use crate::culprit::evidence::Place;
use crate::culprit::evidence::block::{Block, End, On, Relation};
use crate::culprit::rules::testing::SECOND;
use crate::stuck::evidence::ignored::{Awaited, Fate, Ignored};
use crate::stuck::evidence::{Actor, Connection, Facts};

pub(super) fn actor(pid: u32, comm: &str, state: char) -> Actor {
    Actor {
        pid,
        comm: comm.to_owned(),
        state: Some(state),
        ..Actor::default()
    }
}

pub(super) fn stuck(state: char, stack: &[&str]) -> Stuck {
    Stuck {
        pid: 100,
        comm: "app".to_owned(),
        stuck_ns: 12 * SECOND,
        is_lower_bound: false,
        kill: Some(("SIGKILL".to_owned(), "kubelet (PID 50)".to_owned())),
        ignored: None,
        facts: Some(Facts {
            threads: vec![Thread::of(100, state, stack)],
            ..Facts::default()
        }),
    }
}

pub(super) fn facts(stuck: &mut Stuck) -> &mut Facts {
    stuck.facts.as_mut().expect("there are facts")
}

pub(super) const FLUSH: [&str; 6] = [
    "request_wait_answer",
    "fuse_flush",
    "filp_close",
    "put_files_struct",
    "do_exit",
    "do_group_exit",
];

pub(super) fn connection(number: u32, servers: Vec<Actor>) -> Connection {
    Connection {
        number,
        mount: Some("host:/x on /mnt".to_owned()),
        waiting: Some(1),
        servers_are_certain: servers.len() == 1,
        servers,
        hidden: None,
        abort: format!("echo 1 > /sys/fs/fuse/connections/{number}/abort"),
    }
}

/// The verdict has this id and confidence and is complete.
#[track_caller]
pub(super) fn assert_judged(stuck: &Stuck, id: &str, confidence: Confidence) -> Verdict {
    let verdict = judge(stuck).expect("there is a verdict");
    assert_eq!(
        (verdict.id, verdict.confidence),
        (id, confidence),
        "{verdict:#?}"
    );
    // It has SIGKILL already, unless it only ignored another signal.
    let again = format!("kill -9 {}", stuck.pid);
    let useless = stuck.ignored.is_none() && verdict.remedy.ends_with(&again);
    assert!(
        !useless && !verdict.remedy.contains("reboot"),
        "{verdict:#?}"
    );
    assert!(!verdict.evidence.is_empty() && !verdict.summary.ends_with('.'));
    verdict
}

/// All of these are in the text.
#[track_caller]
pub(super) fn assert_names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

pub(super) fn blocked(by: Actor, on: On, ends: Vec<End>) -> Actor {
    Actor {
        block: Some(Block {
            on,
            ends,
            unknown: None,
        }),
        ..by
    }
}

pub(super) fn end(pid: u32, comm: &str, state: char, relation: Relation) -> End {
    End {
        pid,
        comm: comm.to_owned(),
        state: Some(state),
        relation,
        waits_for: None,
    }
}

pub(super) fn ignoring(fate: Fate, awaited: Option<Awaited>) -> Stuck {
    Stuck {
        kill: None,
        ignored: Some(Ignored {
            signal: "SIGTERM".to_owned(),
            sender: (7, "runc".to_owned()),
            first_ago_ns: 12 * SECOND,
            times: 1,
            fate,
            in_namespace: fate == Fate::AsInit,
            awaited,
            place: Place::Host,
        }),
        ..stuck('S', &[])
    }
}
