//! A process is the program that it runs now, with its current name; and what was sent to
//! it, and by which process.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::agent::{Agent, eventually};
use api::{Culprit, KillBy};

/// A program that is killed when this is dropped.
struct Running(Child);

impl Running {
    fn start(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn happened(agent: &Agent, pid: u32, parts: &[&str]) -> bool {
    let timeline = agent.explain(pid).story.timeline;
    let all = |what: &str| parts.iter().all(|part| what.contains(part));
    timeline.iter().any(|moment| all(&moment.what))
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn wait_calls_before_an_exec_do_not_count_for_the_new_program() {
    let agent = Agent::start(&[]);
    let app = "/bin/true; /bin/true; exec perl -e 'for (1..3) { fork or exit } sleep 900'";
    let shell = Running::start("sh", &["-c", app]);
    let found = || agent.culprit(shell.pid());
    assert!(eventually(|| found().is_some_and(|it| it.zombies == 3)));
    let perl = found().expect("it holds zombies");
    assert_eq!(perl.process.comm, "perl");
    assert_eq!((perl.waits_total, perl.reaped_total), (Some(0), 0));
    assert!(happened(&agent, shell.pid(), &["perl", "sh"]));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_first_exec_of_a_new_child_sends_no_event() {
    let agent = Agent::start(&[]);
    let counted = || agent.metric("reapwatch_events_total", "event=\"exec\"");
    let before = counted();
    for _ in 0..100 {
        drop(Running::start("true", &[]));
    }
    assert!(counted() - before < 100.0);
}

/// A peek at a living child by its PID is no evidence about the dead ones.
#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn peeking_at_a_living_child_is_not_peeking_at_zombies() {
    let agent = Agent::start(&[]);
    let peeks = "
import os, time
for _ in range(3):
    if os.fork() == 0: os._exit(0)
parent = os.getpid()
child = os.fork()
while os.getpid() != parent:
    if os.getppid() != parent: os._exit(0)
    time.sleep(0.1)
while True:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    time.sleep(0.1)
";
    let parent = Running::start("python3", &["-c", peeks]);
    let verdict = || agent.culprit(parent.pid()).and_then(|it| it.verdict);
    let found = || agent.culprit(parent.pid());
    assert!(eventually(
        || found().is_some_and(|it: Culprit| it.waits_total > Some(20))
    ));
    assert!(verdict().is_none_or(|it| it.id != "peeked_not_reaped"));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_renamed_parent_is_shown_with_its_current_name() {
    let agent = Agent::start(&[]);
    let renames = "for (1..3) { fork or exit } sleep 1; $0 = 'now-so'; sleep 900";
    let parent = Running::start("perl", &["-e", renames]);
    let comm = || agent.culprit(parent.pid()).map(|it| it.process.comm);
    assert!(
        eventually(|| comm().as_deref() == Some("now-so")),
        "{:?}",
        comm()
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_signal_that_an_init_has_no_handler_for_is_shown_as_dropped() {
    let agent = Agent::start(&[]);
    let fork = ["-pf", "--kill-child", "sh", "-c", "echo up; exec sleep 900"];
    let mut command = Command::new("unshare");
    command
        .args(fork)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut outside = Running(command.spawn().expect("it starts"));
    let mut line = String::new();
    let stdout = outside.0.stdout.take().expect("it is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it is up");
    let children = format!("/proc/{0}/task/{0}/children", outside.pid());
    let children = std::fs::read_to_string(children).expect("it has a child");
    let init: u32 = children.trim().parse().expect("one child");
    // SAFETY: the call touches no memory, and the init lives as long as `outside`.
    assert_eq!(unsafe { libc::kill(init as i32, libc::SIGTERM) }, 0);
    let sender = format!("PID {}", std::process::id());
    assert!(happened(&agent, init, &["SIGTERM", &sender, "dropped"]));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_signal_that_a_process_ignores_is_shown_as_ignored() {
    let agent = Agent::start(&[]);
    let mut command = Command::new("sleep");
    command.arg("900").stdin(Stdio::null());
    // SAFETY: the call is safe between fork and exec.
    let command = unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
            Ok(())
        })
    };
    let one = Running(command.spawn().expect("it starts"));
    // SAFETY: the call touches no memory, and the PID is that of an unreaped child.
    assert_eq!(unsafe { libc::kill(one.pid() as i32, libc::SIGTERM) }, 0);
    assert!(happened(&agent, one.pid(), &["SIGTERM", "SIG_IGN"]));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_death_signal_of_a_thread_is_not_a_kill_by_its_process() {
    let agent = Agent::start(&[]);
    let starter = std::thread::spawn(|| {
        let mut command = Command::new("sleep");
        command.arg("900").stdin(Stdio::null());
        // SAFETY: the call is safe between fork and exec.
        let command = unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            })
        };
        let child = Running(command.spawn().expect("it starts"));
        // SAFETY: the call has no preconditions.
        (child, unsafe { libc::gettid() })
    });
    let (mut child, tid) = starter.join().expect("it ends");
    child.0.wait().expect("it is our child");
    let explain = || agent.explain(child.pid()).story;
    assert!(eventually(|| explain().death.is_some()));
    let killer = explain()
        .death
        .and_then(|death| death.killer)
        .expect("a killer");
    assert_eq!(killer.by, Some(KillBy::ParentDeath.into()), "{killer:#?}");
    assert_eq!(killer.signal, "SIGKILL");
    let parent = killer.process.map(|process| process.pid);
    assert_eq!(parent, Some(std::process::id()));
    let thread = format!("thread {tid} ");
    assert!(happened(
        &agent,
        child.pid(),
        &[&thread, "PR_SET_PDEATHSIG"]
    ));
}
