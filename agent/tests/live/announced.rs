//! Deaths without a signal to the parent: none is reported before it has happened, each one after.

use std::time::SystemTime;

use scenarios::truth::Lack;

use crate::agent::{Agent, eventually};
use crate::compare::wall;
use crate::scenario::{Misbehaving, Undying, run, skipped};
use crate::stream::Stream;
use crate::stuck::{id, of, write_where_fuse_is_controlled};
use api::{How, ProcessState};

fn state(agent: &Agent, pid: u32) -> Option<ProcessState> {
    agent.explain(pid).story.state.known()
}

/// Follows a process that hangs while it closes its files, until its file server is abandoned.
fn hangs_and_dies(name: &str) {
    let agent = Agent::start(&[]);
    let mut stream = Stream::of(&agent);
    let one = Undying::start(name);
    if let Some(lacks) = one.truth.skipped.clone() {
        let name = name.to_owned();
        return skipped(&Lack { name, lacks });
    }
    let pid = one.truth.pid;
    assert!(eventually(
        || id(of(&agent, pid).as_ref()) == "closing_files"
    ));
    // Another that dies like it, but at once: all events of its end have arrived by now.
    let others = run("sigchld_ignored");
    stream.collect(&others);
    assert_eq!(state(&agent, pid), Some(ProcessState::Exiting));
    let lines = stream.collect_where(|line| line.pid == pid);
    assert_eq!(lines, [], "it has not died");

    let let_go = SystemTime::now();
    let connection = one.truth.connection.expect("a file server");
    let abort = format!("/sys/fs/fuse/connections/{connection}/abort");
    write_where_fuse_is_controlled(&abort).expect("the file can be written");
    let line = stream.line_where(|line| line.pid == pid);
    assert_eq!(line.how, How::Autoreap, "{line:#?}");
    assert_eq!(line.reaper, None, "{line:#?}");
    assert!(line.zombie_seconds.is_none_or(|zombie| zombie <= 0.0));
    let reaped_at = wall(line.reaped_at.expect("it is gone"));
    assert!(reaped_at >= let_go, "{line:#?}");
    assert!(eventually(
        || state(&agent, pid) == Some(ProcessState::Reaped)
    ));
    assert!(of(&agent, pid).is_none());
    let lines = stream.collect_where(|line| line.pid == pid);
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_child_of_one_that_ignores_sigchld_is_not_gone_while_it_hangs() {
    hangs_and_dies("fuse_flush_ignored");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_child_of_a_dying_namespace_init_is_not_gone_while_it_hangs() {
    hangs_and_dies("fuse_flush_in_namespace");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_zombie_whose_death_was_not_seen_is_found() {
    let agent = Agent::start(&["--reconcile-every", "1h"]);
    let parent = Misbehaving::start("needs_wclone");
    let listed = || {
        let items = agent.zombies().items.into_iter();
        let by = |it: &api::Process| it.pid == parent.culprit.pid;
        items
            .filter(|it| it.parent.as_deref().is_some_and(by))
            .count()
    };
    assert!(eventually(|| listed() > 0));
}
