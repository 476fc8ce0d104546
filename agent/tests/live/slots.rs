//! More PIDs than slots in the kernel side: two processes that share a slot are told apart.

use std::process::{Child, Command, Stdio, id};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

use scenarios::cases::core_pipe::OWN_MACHINE;

use crate::agent::{Agent, REAPWATCH, eventually};
use crate::row::Verdicts;
use crate::scenario;
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
    let before = fs::read_to_string(PID_MAX).expect("it can be read");
    fs::write(PID_MAX, (2 * SLOTS).to_string()).expect("it can be set");
    let mut verdicts = Verdicts::default();
    verdicts.of("first_slot", || {
        let agent = Agent::start(&[]);
        // Once the workload of this cgroup is known, its deaths are held back.
        for _ in 0..10 {
            quick_exit().wait().expect("it is a child");
            sleep(Duration::from_millis(100));
        }
        // The slot of this one has the index 0, which a slot that was never used must not stand for.
        let mut zombie = with_pid(SLOTS, quick_exit);
        let stat = || fs::read_to_string(format!("/proc/{SLOTS}/stat")).expect("it is not reaped");
        assert!(eventually(|| stat().contains(") Z ")));
        let mut other = with_pid(SLOTS / 2, quick_exit);
        other.wait().expect("it is a child");
        let listed = || agent.zombies().items.iter().any(|it| it.pid == SLOTS);
        assert!(eventually(listed));
        let malformed = agent.metric("reapwatch_events_lost_total", "malformed");
        assert!(malformed < 1.0, "{malformed} records about no process");
        zombie.wait().expect("it is a child");
    });
    verdicts.of("shared_slot", || {
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
    });
    fs::write(PID_MAX, before).expect("it can be set");
    verdicts.end();
}

/// A process that exits at once.
fn quick_exit() -> Child {
    Command::new(scenario::program())
        .arg("--version")
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts")
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
    with_pid((pid + SLOTS) % (2 * SLOTS), || follower(agent))
}

/// A process with this PID.
fn with_pid(wanted: u32, start: impl Fn() -> Child) -> Child {
    for _ in 0..100 {
        fs::write(LAST_PID, (wanted - 1).to_string()).expect("it can be set");
        let mut child = start();
        if child.id() == wanted {
            return child;
        }
        // Another process was faster, or a thread of the agent has that number for some seconds.
        child.kill().expect("it is not reaped");
        child.wait().expect("it is a child");
        sleep(Duration::from_millis(150));
    }
    panic!("no process gets the PID {wanted}");
}
