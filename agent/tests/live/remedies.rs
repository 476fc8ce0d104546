//! Advice is followed: a program that does not reap is told what to do, its twin does just that,
//! and then nobody holds zombies and each exit status came to whoever waited for it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::agent::{Agent, eventually};
use crate::api::Verdict;

/// What all programs begin with. The twin is called with `fixed`, and prints `right` when it has
/// the exit statuses of its children.
const PRELUDE: &str = "
import ctypes, os, signal, subprocess, sys, time
fixed = sys.argv[1] == 'fixed'
libc = ctypes.CDLL(None)
got = []
def child(seconds=0.1):
    pid = os.fork()
    if pid == 0:
        libc.prctl(1, 9)
        time.sleep(seconds)
        os._exit(3)
    return pid
def children():
    return [child() for _ in range(3)]
def take(status):
    got.append(status >> 8)
    if len(got) == 3:
        print('right' if got == [3, 3, 3] else got, flush=True)
        got.clear()
def reap_all(*_):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        take(status)
        if not fixed:
            return
def block(how):
    signal.pthread_sigmask(how, [signal.SIGCHLD])
";

/// A program that earns a verdict.
struct Case {
    id: &'static str,
    /// Words of the remedy that name the fix which its twin has.
    advises: &'static str,
    program: &'static str,
}

const CASES: [Case; 7] = [
    Case {
        id: "never_waits",
        advises: "waitpid for each child",
        program: "
pids = children()
if fixed:
    for pid in pids:
        take(os.waitpid(pid, 0)[1])
while True:
    time.sleep(0.1)
",
    },
    Case {
        id: "waits_for_others",
        advises: "for each child it starts, by PID",
        program: "
other, pids = child(900), children()
while True:
    os.waitpid(other, os.WNOHANG)
    for pid in list(pids) if fixed else []:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            pids.remove(pid)
            take(status)
    time.sleep(0.1)
",
    },
    Case {
        id: "sigchld_coalesced",
        advises: "in a loop until it returns 0",
        program: "
signal.signal(signal.SIGCHLD, reap_all)
while True:
    block(signal.SIG_BLOCK)
    children()
    time.sleep(0.3)
    block(signal.SIG_UNBLOCK)
    time.sleep(0.4)
",
    },
    Case {
        id: "sigchld_blocked",
        advises: "unblock SIGCHLD",
        program: "
signal.signal(signal.SIGCHLD, reap_all)
block(signal.SIG_UNBLOCK if fixed else signal.SIG_BLOCK)
children()
while True:
    time.sleep(0.1)
",
    },
    Case {
        id: "peeked_not_reaped",
        advises: "wait for that child once more",
        program: "
children()
while True:
    try:
        seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        seen = None
    if seen and fixed:
        take(os.waitpid(seen.si_pid, 0)[1])
    time.sleep(0.1)
",
    },
    Case {
        id: "needs_wclone",
        advises: "__WALL",
        program: "
CLONE, WALL = 56, 0x40000000
for _ in range(3):
    if libc.syscall(CLONE, 0, 0, 0, 0, 0) == 0:
        time.sleep(0.1)
        os._exit(3)
while True:
    status = ctypes.c_int()
    flags = os.WNOHANG | (WALL if fixed else 0)
    if libc.waitpid(-1, ctypes.byref(status), flags) > 0:
        take(status.value)
    time.sleep(0.1)
",
    },
    Case {
        id: "subreaper_without_reaping",
        advises: "waitid(P_ALL, WNOWAIT)",
        program: "
libc.prctl(36, 1, 0, 0, 0)
forker = os.fork()
if forker == 0:
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(0.3)
            os._exit(3)
    os._exit(0)
os.waitpid(forker, 0)
while True:
    try:
        seen = fixed and os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        seen = None
    if seen:
        take(os.waitpid(seen.si_pid, 0)[1])
    time.sleep(0.1)
",
    },
];

/// A program that is killed when this is dropped.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, output }
    }

    fn python(program: &str, twin: &str) -> Self {
        let program = format!("{PRELUDE}{program}");
        Self::start("python3", &["-c", &program, twin])
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it prints text");
        line.trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn verdict(agent: &Agent, pid: u32) -> Option<Verdict> {
    agent.culprit(pid)?.verdict
}

/// The verdict with this id, once it is the one on that process.
fn judged(agent: &Agent, pid: u32, id: &str) -> Verdict {
    let found = || verdict(agent, pid).filter(|it| it.id == id);
    assert!(
        eventually(|| found().is_some()),
        "{id}: {:#?}",
        verdict(agent, pid)
    );
    found().expect("it was there")
}

fn zombies_of(agent: &Agent, pid: u32) -> Vec<u32> {
    let zombies = agent.zombies().items.into_iter();
    let of = zombies.filter(|zombie| zombie.parent.as_ref().is_some_and(|it| it.pid == pid));
    of.map(|zombie| zombie.pid).collect()
}

/// Longer than zombies are young.
fn assert_holds_nothing_old(agent: &Agent, pid: u32) {
    thread::sleep(Duration::from_secs(3));
    assert!(verdict(agent, pid).is_none_or(|it| it.id == "just_died"));
}

/// The end of the process clears its zombies, as the remedy says of most.
fn assert_end_clears(agent: &Agent, broken: Running) {
    let zombies = zombies_of(agent, broken.pid());
    assert!(!zombies.is_empty());
    drop(broken);
    let gone = |pid: &u32| fs::metadata(format!("/proc/{pid}")).is_err();
    assert!(eventually(|| zombies.iter().all(gone)), "{zombies:?}");
}

#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn a_program_that_does_as_it_is_told_holds_no_zombies_and_loses_no_status() {
    let agent = Agent::start(&[]);
    for case in &CASES {
        let broken = Running::python(case.program, "broken");
        let remedy = judged(&agent, broken.pid(), case.id).remedy;
        assert!(remedy.contains(case.advises), "{}: {remedy}", case.id);
        if remedy.contains("restarting") {
            assert_end_clears(&agent, broken);
        }
        let mut fixed = Running::python(case.program, "fixed");
        assert_eq!(fixed.line(), "right", "{}", case.id);
        assert_holds_nothing_old(&agent, fixed.pid());
    }
}

#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn a_reader_goes_on_when_whoever_keeps_its_pipe_open_is_ended() {
    let agent = Agent::start(&[]);
    let mut reader = Running::python(
        "print(subprocess.check_output(['sh', '-c', 'sleep 900 & echo right']).decode().strip(), flush=True)
time.sleep(900)",
        "broken",
    );
    let verdict = judged(&agent, reader.pid(), "wait_blocked_on_event");
    let (_, command) = verdict.remedy.split_once("(kill ").expect("a command");
    let pid: i32 = command
        .split(')')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a PID");
    // SAFETY: the call touches no memory.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    assert_eq!(reader.line(), "right");
    assert!(eventually(|| zombies_of(&agent, reader.pid()).is_empty()));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_script_that_waits_before_it_execs_leaves_its_program_no_zombies() {
    let agent = Agent::start(&[]);
    let script = |wait: &str| format!("sleep 0.2 & echo right; {wait} exec sleep 900");
    let broken = Running::start("sh", &["-c", &script("")]);
    let remedy = judged(&agent, broken.pid(), "forked_before_exec").remedy;
    assert!(remedy.contains("or wait for them first"), "{remedy}");
    assert_end_clears(&agent, broken);
    let mut fixed = Running::start("sh", &["-c", &script("wait;")]);
    assert_eq!(fixed.line(), "right");
    assert_holds_nothing_old(&agent, fixed.pid());
}

/// The first process of a PID namespace of its own.
fn init_of(outside: &Running) -> u32 {
    let pid = outside.pid();
    let mut init = None;
    eventually(|| {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        init = children
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok());
        init.is_some()
    });
    init.expect("unshare forks")
}

#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn under_an_init_that_reaps_the_same_program_leaves_no_orphans() {
    let agent = Agent::start(&[]);
    let program = format!(
        "{PRELUDE}
if fixed and os.fork():
    while True:
        os.wait()
for _ in range(3):
    take(subprocess.run(['sh', '-c', '(sleep 0.2 &); exit 3']).returncode << 8)
while True:
    time.sleep(0.1)
"
    );
    let start = |twin: &str| {
        let namespace = ["-pf", "--mount-proc", "--kill-child"];
        let app = ["python3", "-c", &program, twin];
        Running::start("unshare", &[&namespace[..], &app].concat())
    };
    let mut broken = start("broken");
    assert_eq!(broken.line(), "right");
    let remedy = judged(&agent, init_of(&broken), "init_without_reaping").remedy;
    assert!(remedy.contains("an init that reaps"), "{remedy}");
    let zombies = zombies_of(&agent, init_of(&broken));
    drop(broken);
    let gone = |pid: &u32| fs::metadata(format!("/proc/{pid}")).is_err();
    assert!(eventually(|| zombies.iter().all(gone)), "{zombies:?}");
    let mut fixed = start("fixed");
    assert_eq!(fixed.line(), "right");
    assert_holds_nothing_old(&agent, init_of(&fixed));
}
