//! Advice is followed: a program that does not reap gets a remedy, its twin does just that,
//! and then no process holds zombies and each exit status reached the process that waited for it.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::agent::{Agent, eventually};
use crate::stuck::has_ended;
use api::Verdict;

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

/// A program with a known verdict.
struct Case {
    id: &'static str,
    /// Words of the remedy that name the fix which its twin has.
    advises: &'static str,
    program: &'static str,
}

const CASES: [Case; 8] = [
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
        advises: "as long as it returns a PID",
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
        advises: "waitpid on its PID",
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
        id: "pidns_init_waiting",
        advises: "waitpid for each child",
        program: "
NEWPID = 0x20000000
libc.unshare(NEWPID)
init, other = child(900), child(900)
os.kill(init, 9)
if fixed:
    ended = [os.waitpid(pid, 0)[1] for pid in (other, init)]
    print('right' if ended == [9, 9] else ended, flush=True)
while True:
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

const YOUNG: &str = "just_died";
const BLOCKED: &str = "wait_blocked_on_event";
const BEFORE_EXEC: &str = "forked_before_exec";
const INIT: &str = "init_without_reaping";

/// The verdicts whose advice is followed here.
pub(crate) fn followed() -> impl Iterator<Item = &'static str> {
    let cases = CASES.iter().map(|case| case.id);
    cases.chain([YOUNG, BLOCKED, BEFORE_EXEC, INIT])
}

/// A program that is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, output }
    }

    pub(crate) fn python(program: &str, twin: &str) -> Self {
        let program = format!("{PRELUDE}{program}");
        Self::start("python3", &["-c", &program, twin])
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a line.
    pub(crate) fn send(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is a pipe");
        writeln!(input, "{line}").expect("it reads");
    }

    pub(crate) fn line(&mut self) -> String {
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
pub(crate) fn judged(agent: &Agent, pid: u32, id: &str) -> Verdict {
    let found = || verdict(agent, pid).filter(|it| it.id == id);
    assert!(
        eventually(|| found().is_some()),
        "{id}: {:#?}",
        verdict(agent, pid)
    );
    found().expect("it was there")
}

pub(crate) fn zombies_of(agent: &Agent, pid: u32) -> Vec<u32> {
    let zombies = agent.zombies().items.into_iter();
    let of = zombies.filter(|zombie| zombie.parent.as_ref().is_some_and(|it| it.pid == pid));
    of.map(|zombie| zombie.pid).collect()
}

/// Longer than the age at which zombies are old.
pub(crate) fn assert_holds_nothing_old(agent: &Agent, pid: u32) {
    thread::sleep(Duration::from_secs(3));
    assert!(verdict(agent, pid).is_none_or(|it| it.id == YOUNG));
    assert!(!has_ended(pid));
}

/// The end of the process clears its zombies, as most remedies state.
fn assert_end_clears(agent: &Agent, broken: Running) {
    assert!(!zombies_of(agent, broken.pid()).is_empty());
    let left = children(broken.pid());
    drop(broken);
    assert_gone(&left);
}

#[track_caller]
pub(crate) fn assert_gone(pids: &[u32]) {
    let gone = |pid: &u32| fs::metadata(format!("/proc/{pid}")).is_err();
    assert!(eventually(|| pids.iter().all(gone)), "{pids:?}");
}

/// All that have not been reaped.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let pids = children.split_whitespace();
    pids.map(|pid| pid.parse().expect("a PID")).collect()
}

/// A young zombie only needs a second look.
#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn a_process_left_alone_as_advised_has_reaped_by_the_second_look() {
    let agent = Agent::start(&[]);
    let program = "
while True:
    pids = children()
    time.sleep(1.5)
    for pid in pids:
        take(os.waitpid(pid, 0)[1])
";
    let mut slow = Running::python(program, "as it is");
    let mut young = None;
    assert!(eventually(|| {
        let mut zombies = agent.zombies().items.into_iter();
        young = zombies.find(|it| it.parent.as_ref().is_some_and(|it| it.pid == slow.pid()));
        young.is_some()
    }));
    let young = young.expect("it was found");
    let verdict = young.verdict.expect("each has one");
    assert_eq!(verdict.id, YOUNG);
    assert!(verdict.remedy.contains("look again"), "{}", verdict.remedy);
    assert_gone(&[young.pid]);
    assert_eq!(slow.line(), "right");
    assert_holds_nothing_old(&agent, slow.pid());
}

#[test]
#[ignore = "needs root, a kernel with BTF and python3"]
fn a_program_that_follows_the_advice_holds_no_zombies_and_loses_no_status() {
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
fn a_reader_continues_once_the_holder_of_its_pipe_ends() {
    let agent = Agent::start(&[]);
    let mut reader = Running::python(
        "print(subprocess.check_output(['sh', '-c', 'sleep 900 & echo right']).decode().strip(), flush=True)
time.sleep(900)",
        "broken",
    );
    let verdict = judged(&agent, reader.pid(), BLOCKED);
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
    assert!(!has_ended(reader.pid()));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_script_that_waits_before_it_execs_leaves_its_program_no_zombies() {
    let agent = Agent::start(&[]);
    let script = |wait: &str| format!("sleep 0.2 & echo right; {wait} exec sleep 900");
    let broken = Running::start("sh", &["-c", &script("")]);
    let remedy = judged(&agent, broken.pid(), BEFORE_EXEC).remedy;
    assert!(remedy.contains("wait for them"), "{remedy}");
    assert_end_clears(&agent, broken);
    let mut fixed = Running::start("sh", &["-c", &script("wait;")]);
    assert_eq!(fixed.line(), "right");
    assert_holds_nothing_old(&agent, fixed.pid());
}

/// The first process of a PID namespace of its own.
fn init_of(outside: &Running) -> u32 {
    let mut init = None;
    eventually(|| {
        init = children(outside.pid()).first().copied();
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
    let remedy = judged(&agent, init_of(&broken), INIT).remedy;
    assert!(remedy.contains("an init that reaps"), "{remedy}");
    let zombies = zombies_of(&agent, init_of(&broken));
    drop(broken);
    assert_gone(&zombies);
    let mut fixed = start("fixed");
    assert_eq!(fixed.line(), "right");
    assert_holds_nothing_old(&agent, init_of(&fixed));
}
