//! Advice on parents that cannot run is followed: then they reap, and continue.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::agent::{Agent, eventually};
use crate::remedies::{
    Running, assert_gone, assert_holds_nothing_old, children, judged, zombies_of,
};
use crate::scenario::Misbehaving;
use crate::stuck::has_ended;

const STARVED: &str = "parent_starved";
const STOPPED: &str = "parent_stopped";

/// The verdicts whose advice is followed here.
pub(crate) fn followed() -> impl Iterator<Item = &'static str> {
    [STARVED, STOPPED].into_iter()
}

/// What removes a cgroup's CPU limit, by the version of its hierarchy.
fn raise_cpu_limit(pid: u32) {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    for line in cgroups.lines() {
        let path = line.splitn(3, ':').nth(2).expect("a path");
        for (root, file, none) in [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "-1"),
            ("/sys/fs/cgroup", "cpu.max", "max"),
        ] {
            let file = format!("{root}{path}/{file}");
            if path != "/" && Path::new(&file).exists() {
                fs::write(&file, none).expect("the limit can be raised");
                return;
            }
        }
    }
    panic!("no limit in {cgroups}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_parent_reaps_once_its_cpu_limit_is_raised() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("starved");
    let pid = one.culprit.pid;
    let remedy = judged(&agent, pid, STARVED).remedy;
    assert!(remedy.contains("raise the CPU limit"), "{remedy}");
    let zombies = zombies_of(&agent, pid);
    assert!(!zombies.is_empty());
    raise_cpu_limit(pid);
    assert_gone(&zombies);
    assert_holds_nothing_old(&agent, pid);
}

/// It has some work before it reaps, while `crowd` takes its CPU time.
const WORKS: &str = "
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
pids = children()
print('works', flush=True)
while time.process_time() < 2:
    pass
for pid in pids:
    take(os.waitpid(pid, 0)[1])
while True:
    time.sleep(0.1)
";
const CROWD: &str = "
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
while True:
    pass
";

/// The remedy differs if the parent's own priority is low.
#[test]
#[ignore = "needs root, a kernel with BTF and python3, alone: it takes a CPU from all others"]
fn a_starved_parent_reaps_once_it_gets_cpu_time() {
    let agent = Agent::start(&[]);
    for (own, of_crowd) in [(19, 0), (0, -20)] {
        let mut parent = Running::python(WORKS, "as it is");
        assert_eq!(parent.line(), "works");
        let crowd = Running::python(CROWD, "as it is");
        let (pid, crowding) = (parent.pid(), crowd.pid());
        run(&format!("renice -n {own} -p {pid}"));
        run(&format!("renice -n {of_crowd} -p {crowding}"));
        let remedy = judged(&agent, pid, STARVED).remedy;
        let (advice, command) = if own > 0 {
            let command = format!("renice -n 0 -p {pid}");
            (command.clone(), command)
        } else {
            let advice = "(renice -n 19)".to_owned();
            (advice, format!("renice -n 19 -p {crowding}"))
        };
        assert!(remedy.contains(&advice), "{remedy}");
        run(&command);
        assert_eq!(parent.line(), "right");
        assert_holds_nothing_old(&agent, pid);
    }
}

fn run(command: &str) {
    let mut shell = std::process::Command::new("sh");
    let done = shell.args(["-c", command]).status();
    assert!(done.is_ok_and(|status| status.success()), "{command}");
}

/// An interactive shell at a terminal: its input is typed there, its output is the screen.
const SHELL: &str = "
import pty, threading
shell, terminal = pty.fork()
if shell == 0:
    os.execvp('bash', ['bash', '--norc', '-i'])
def type_all():
    for line in sys.stdin:
        os.write(terminal, line.encode())
threading.Thread(target=type_all, daemon=True).start()
while True:
    os.write(1, os.read(terminal, 4096))
";

/// A background job that uses its terminal before it reaps.
const JOB: &str = "
import os, signal, sys, time
pids = [os.fork() or os._exit(3) for _ in range(3)]
time.sleep(0.5)
if sys.argv[1] == 'reads':
    sys.stdin.readline()
else:
    print('asks', flush=True)
ends = [os.waitpid(pid, 0)[1] >> 8 for pid in pids]
print('right' if ends == [3, 3, 3] else ends, flush=True)
while True:
    time.sleep(0.1)
";

/// A shell, and a folder with the job.
struct Terminal {
    shell: Running,
    folder: TempDir,
}

impl Terminal {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("job.py"), JOB).expect("the folder is writable");
        let shell = Running::python(SHELL, "as it is");
        Self { shell, folder }
    }

    /// The first line on the screen that has it.
    fn shows(&mut self, text: &str) -> String {
        loop {
            let line = self.shell.line();
            assert!(!line.is_empty() || !has_ended(self.shell.pid()));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Starts the job in the background; its PID.
    fn background(&mut self, does: &str, redirected: &str) -> u32 {
        let job = self.folder.path().join("job.py");
        let command = format!("python3 {} {does} {redirected} &", job.display());
        self.shell.send(&command);
        let started = self.shows("[1] ");
        let (_, pid) = started.rsplit_once(' ').expect("it was found");
        pid.parse().expect("a PID")
    }
}

#[test]
#[ignore = "needs root, a kernel with BTF, bash and python3"]
fn a_job_that_is_brought_to_the_foreground_or_redirected_reaps() {
    let agent = Agent::start(&[]);
    for (does, signal, redirected) in [
        ("reads", "SIGTTIN", "< /dev/null"),
        ("writes", "SIGTTOU", "> out"),
    ] {
        let mut terminal = Terminal::open();
        // The shell drops input that is typed too early.
        terminal.shell.send("stty tostop; echo is $((40 + 2))");
        terminal.shows("is 42");
        let pid = terminal.background(does, "");
        let verdict = judged(&agent, pid, STOPPED);
        assert!(verdict.summary.contains(signal), "{}", verdict.summary);
        let remedy = verdict.remedy;
        for advice in ["`fg`", "redirected"] {
            assert!(remedy.contains(advice), "{remedy}");
        }
        let zombies = zombies_of(&agent, pid);
        assert!(!zombies.is_empty());
        terminal.shell.send("fg");
        assert!(eventually(|| state(pid) != Some('T')), "{signal}");
        terminal.shell.send("an answer");
        terminal.shows("right");
        assert_gone(&zombies);
        assert_holds_nothing_old(&agent, pid);
        drop(terminal);

        let mut terminal = Terminal::open();
        let folder = terminal.folder.path().to_owned();
        let enter = format!("stty tostop; cd {}; echo is $((40 + 2))", folder.display());
        terminal.shell.send(&enter);
        terminal.shows("is 42");
        let output = if does == "reads" { "> out" } else { "" };
        let pid = terminal.background(does, &format!("{redirected} {output}"));
        let out = || fs::read_to_string(folder.join("out")).unwrap_or_default();
        assert!(eventually(|| out().contains("right")), "{}", out());
        assert_holds_nothing_old(&agent, pid);
    }
}

fn state(pid: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.split_once("State:\t")?.1.chars().next()
}

/// Reaps at each SIGCHLD; its children end on command.
const REAPS: &str = "
fixed = True
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
pids = [child(900) for _ in range(3)]
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGCHLD, reap_all)
print(*pids, flush=True)
while True:
    time.sleep(0.1)
";

#[test]
#[ignore = "needs root, a kernel with BTF, gdb and python3"]
fn a_parent_reaps_once_its_debugger_detaches() {
    let agent = Agent::start(&[]);
    let mut parent = Running::python(REAPS, "fixed");
    let line = parent.line();
    let children: Vec<u32> = line
        .split(' ')
        .map(|pid| pid.parse().expect("a PID"))
        .collect();
    let pid = parent.pid();
    let mut gdb = Running::start("gdb", &["-nx", "-q", "-p", &pid.to_string()]);
    assert!(eventually(|| state(pid) == Some('t')));
    run(&format!("kill {line}"));
    let remedy = judged(&agent, pid, STOPPED).remedy;
    let tracer = format!("gdb (PID {})", gdb.pid());
    for advice in [tracer.as_str(), "detach"] {
        assert!(remedy.contains(advice), "{remedy}");
    }
    gdb.send("detach");
    assert_eq!(parent.line(), "right");
    assert_gone(&children);
    assert_holds_nothing_old(&agent, pid);
}

#[test]
#[ignore = "needs root, a kernel with BTF and gdb"]
fn a_debugger_reaps_its_own_dead_child_once_it_quits() {
    let agent = Agent::start(&[]);
    let mut gdb = Running::start("gdb", &["-nx", "-q", "--args", "/bin/sleep", "1000"]);
    let pid = gdb.pid();
    gdb.send("starti");
    // It runs this once it no longer waits for the child.
    gdb.send("echo ready\\n");
    let mut lines = (0..20).map(|_| gdb.line());
    assert!(lines.any(|line| line.contains("ready")));
    let child = children(pid)[0];
    run(&format!("kill -9 {child}"));
    let remedy = judged(&agent, pid, "held_by_tracer").remedy;
    assert!(remedy.contains("quit"), "{remedy}");
    gdb.send("quit");
    assert_gone(&[child]);
}
