//! However the agent ends, it leaves nothing behind.

use crate::agent::{Agent, eventually, view};
use crate::loaded::{held_by, loaded};

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn sigterm_stops_it_cleanly() {
    let mut agent = Agent::start(&[]);
    let held = held_by(agent.pid());
    agent.signal(libc::SIGTERM);
    assert_eq!(agent.ended().code(), Some(0));
    assert!(!agent.socket().exists(), "the socket is left");
    assert!(eventually(|| loaded().is_disjoint(&held)), "left loaded");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn sigint_stops_it_cleanly() {
    let mut agent = Agent::start(&[]);
    agent.signal(libc::SIGINT);
    assert_eq!(agent.ended().code(), Some(0));
    assert!(!agent.socket().exists(), "the socket is left");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn nothing_stays_loaded_after_kill_9() {
    let mut agent = Agent::start(&[]);
    let held = held_by(agent.pid());
    for kind in ["prog_id:", "map_id:", "link_id:"] {
        assert!(
            held.iter().any(|object| object.0 == kind),
            "it holds no {kind}: {held:?}"
        );
    }
    assert!(held.is_subset(&loaded()), "the two ways to look agree");
    agent.signal(libc::SIGKILL);
    agent.ended();
    assert!(eventually(|| loaded().is_disjoint(&held)), "left loaded");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_socket_left_by_kill_9_is_taken_over() {
    let mut first = Agent::start(&[]);
    first.signal(libc::SIGKILL);
    first.ended();
    let socket = first.socket();
    assert!(socket.exists(), "it could not be removed");
    let mut second = Agent::start_at(socket);
    assert!(view(&["zombies"], socket).status.success());
    second.signal(libc::SIGTERM);
    assert_eq!(second.ended().code(), Some(0));
}
