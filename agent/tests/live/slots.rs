//! More PIDs than slots in the kernel side: two processes that share a slot are told apart.

use std::process::{Child, Command, Stdio, id};
use std::{env, fs};

use scenarios::cases::core_pipe::OWN_MACHINE;

use crate::agent::{Agent, REAPWATCH};
use crate::row::Verdicts;
use crate::stream::Stream;

/// The most slots, from `wire::MOST_SLOTS`.
const SLOTS: u32 = 32_768;
const PID_MAX: &str = "/proc/sys/kernel/pid_max";
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

#[test]
#[ignore = "needs a virtual machine of its own: it sets pid_max"]
fn two_processes_that_share_a_slot_keep_what_is_known_of_each() {
    assert!(
        env::var_os(OWN_MACHINE).is_some(),
        "it sets pid_max: `cargo xtask vm` gives it a machine of its own"
    );
    let mut verdicts = Verdicts::default();
    verdicts.of("shared_slot", || {
        let before = fs::read_to_string(PID_MAX).expect("it can be read");
        fs::write(PID_MAX, (2 * SLOTS).to_string()).expect("it can be set");
        let agent = Agent::start(&[]);
        let mut stream = Stream::of(&agent);
        let first = follower(&agent);
        let second = sharing_with(&agent, first.id());
        for mut child in [second, first] {
            child.kill().expect("it runs");
            child.wait().expect("it is a child");
            let line = stream.line_where(|line| line.pid == child.id());
            let killer = line.killer.and_then(|killer| killer.process);
            assert_eq!(killer.map(|process| process.pid), Some(id()));
            assert!(line.exit_seconds.is_some(), "its begin was seen");
        }
        let lost = agent.metric("reapwatch_events_lost_total", "tasks_full");
        assert!(lost < 1.0, "{lost} processes had no room");
        drop(agent);
        fs::write(PID_MAX, before).expect("it can be set");
    });
    verdicts.end();
}

/// A process that lives until it is killed.
fn follower(agent: &Agent) -> Child {
    Command::new(REAPWATCH)
        .args(["exits", "--socket"])
        .arg(agent.socket())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// The same, with the PID that has the same slot as `pid`.
fn sharing_with(agent: &Agent, pid: u32) -> Child {
    let wanted = (pid + SLOTS) % (2 * SLOTS);
    for _ in 0..100 {
        fs::write(LAST_PID, (wanted - 1).to_string()).expect("it can be set");
        let mut child = follower(agent);
        if child.id() == wanted {
            return child;
        }
        // Another process was faster.
        child.kill().expect("it runs");
        child.wait().expect("it is a child");
    }
    panic!("no process gets the PID {wanted}");
}
