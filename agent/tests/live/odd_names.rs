//! Names that are not text, in every role: the answers are the same as with plain names.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::agent::{Agent, eventually};
use crate::cgroup::Cgroup;
use api::Zombie;

/// A plain one first.
const NAMES: [&[u8]; 7] = [
    b"plain",
    &[0xff; 15],
    b"a) Z 1 (b",
    b"x\nState:\tR\n",
    b"'\"`$(id) ; *\\",
    b"\x1b[2J\xc3 \x07",
    "a\u{202e}b\u{2066}c\u{feff}".as_bytes(),
];

/// Renames itself, a thread and its children. Each line of its input is the next step.
const PROGRAM: &str = r"
import ctypes, os, signal, sys, threading, time
name, cgroup = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
libc = ctypes.CDLL(None)
def rename(): libc.prctl(15, name, 0, 0, 0)
def thread(): rename(); time.sleep(600)
rename()
threading.Thread(target=thread, daemon=True).start()
if cgroup:
    os.mkdir(cgroup)
    open(cgroup + b'/cgroup.procs', 'w').write(str(os.getpid()))
def child(killed):
    pid = os.fork()
    if pid == 0:
        rename()
        if killed: time.sleep(600)
        os._exit(0)
    return pid
exits, killed = child(False), child(True)
ready, told = os.pipe()
tracer = os.fork()
if tracer == 0:
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    rename()
    if sys.argv[3] == 'trace': libc.ptrace(0x4206, killed, None, None)
    os.close(told)
    time.sleep(600)
os.close(told)
os.read(ready, 1)
os.kill(killed, signal.SIGKILL)
print(exits, killed, tracer, flush=True)
sys.stdin.readline()
reaped = threading.Thread(target=lambda: (rename(), os.waitpid(exits, 0)))
reaped.start()
reaped.join()
time.sleep(600)
";

struct Cast {
    program: Child,
    exits: u32,
    killed: u32,
    tracer: u32,
}

impl Drop for Cast {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.program.kill();
        let _reaped = self.program.wait();
    }
}

impl Cast {
    fn start(name: &[u8], cgroup: Option<&PathBuf>, how: &str) -> Self {
        let hex = |bytes: &[u8]| {
            let digits = bytes.iter().map(|it| format!("{it:02x}"));
            digits.collect::<Vec<_>>().concat()
        };
        let cgroup = cgroup.map(|path| hex(path.as_os_str().as_encoded_bytes()));
        let mut program = Command::new("python3")
            .args(["-c", PROGRAM, &hex(name), &cgroup.unwrap_or_default(), how])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut line = String::new();
        let output = program.stdout.as_mut().expect("it is a pipe");
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("it prints a line");
        let mut pids = line
            .split_whitespace()
            .map(|pid| pid.parse().expect("a PID"));
        Self {
            exits: pids.next().expect("one child"),
            killed: pids.next().expect("another"),
            tracer: pids.next().expect("one more"),
            program,
        }
    }

    fn pid(&self) -> u32 {
        self.program.id()
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the call touches no memory, and the PID is that of an unreaped child.
        assert_eq!(unsafe { libc::kill(self.pid() as i32, signal) }, 0);
    }
}

fn verdict(agent: &Agent, cast: &Cast) -> Option<String> {
    Some(agent.culprit(cast.pid())?.verdict?.id.to_string())
}

fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name).into_owned();
    text.replace(char::is_control, "\u{fffd}")
}

fn zombie(agent: &Agent, pid: u32) -> Option<Zombie> {
    agent.zombies().items.into_iter().find(|it| it.pid == pid)
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn any_name_in_any_role_gets_the_answers_of_a_plain_one() {
    let folder = Cgroup::unified("/reapwatch-odd-names");
    let agent = Agent::start(&[]);
    for name in NAMES {
        as_parent_and_killer(&agent, name);
        as_tracer(&agent, name);
        in_a_frozen_cgroup(&agent, &folder, name);
    }
}

/// Parent, forker, killer, reaper, thread, dead; a mount of that name beside them.
fn as_parent_and_killer(agent: &Agent, name: &[u8]) {
    let mount = Mounted::new(name);
    let cast = Cast::start(name, None, "");
    cast.signal(libc::SIGSTOP);
    let mut reported = None;
    let judged = eventually(|| {
        reported = verdict(agent, &cast);
        reported.as_deref() == Some("parent_stopped")
    });
    assert!(judged, "{name:?}: {reported:?}");
    let name = shown(name);
    let culprit = agent.culprit(cast.pid()).expect("it is one");
    assert_eq!(culprit.process.comm, name);
    for pid in [cast.exits, cast.killed] {
        let zombie = zombie(agent, pid).expect("it is never reaped");
        assert_eq!(zombie.comm, name);
        let parent = zombie.parent.expect("it has one");
        assert_eq!((parent.pid, &parent.comm), (cast.pid(), &name));
        let forker = zombie.forker.expect("it has one");
        assert_eq!((forker.pid, &forker.comm), (cast.pid(), &name));
    }
    let killer = agent
        .explain(cast.killed)
        .story
        .death
        .and_then(|it| it.killer?.process);
    assert_eq!(
        killer.map(|it| (it.pid, it.comm)),
        Some((cast.pid(), name.clone()))
    );
    cast.signal(libc::SIGCONT);
    let input = cast.program.stdin.as_ref().expect("it is a pipe");
    let mut input: &std::process::ChildStdin = input;
    writeln!(input).expect("it reads");
    let mut reaper = None;
    let is_taken = eventually(|| {
        let death = agent.explain(cast.exits).story.death;
        reaper = death.and_then(|it| it.reaper);
        reaper.is_some()
    });
    assert!(is_taken, "{name:?}");
    let reaper = reaper.map(|it| (it.process.pid, it.process.comm));
    assert_eq!(reaper, Some((cast.pid(), name)));
    drop(mount);
}

fn as_tracer(agent: &Agent, name: &[u8]) {
    let cast = Cast::start(name, None, "trace");
    let mut reported = None;
    let judged = eventually(|| {
        reported = agent.culprit(cast.tracer);
        let verdict = reported.as_ref().and_then(|it| it.verdict.as_ref());
        verdict.is_some_and(|it| it.id == "held_by_tracer")
    });
    assert!(judged, "{name:?}: {reported:?}");
    assert_eq!(reported.map(|it| it.process.comm), Some(shown(name)));
    let tracer = zombie(agent, cast.killed).and_then(|it| it.tracer);
    let tracer = tracer.map(|it| (it.pid, it.comm.clone()));
    assert_eq!(tracer, Some((cast.tracer, shown(name))));
}

/// The command that the remedy names thaws it, whatever the cgroup is called.
fn in_a_frozen_cgroup(agent: &Agent, folder: &Cgroup, name: &[u8]) {
    // The kernel takes any name but those with a newline.
    let name: Vec<_> = name.iter().copied().filter(|byte| *byte != b'\n').collect();
    let inner = folder
        .folder()
        .join(std::ffi::OsString::from_vec(name.clone()));
    let cast = Cast::start(&name, Some(&inner), "");
    fs::write(inner.join("cgroup.freeze"), "1").expect("it can be frozen");
    let mut remedy = String::new();
    let judged = eventually(|| {
        let verdict = agent.culprit(cast.pid()).and_then(|it| it.verdict);
        let Some(verdict) = verdict.filter(|it| it.id == "parent_frozen") else {
            return false;
        };
        remedy = verdict.remedy;
        true
    });
    assert!(judged, "{name:?}: {:?}", verdict(agent, &cast));
    let command = remedy
        .find("echo 0 > ")
        .map(|at| &remedy[at..])
        .expect("it is named");
    let end = command.find("/cgroup.freeze").expect("it names the file");
    let after = &command[end + "/cgroup.freeze".len()..];
    let quote = usize::from(after.starts_with('\''));
    let command = &command[..end + "/cgroup.freeze".len() + quote];
    let status = Command::new("bash").args(["-c", command]).status();
    assert!(status.expect("bash runs").success(), "{command}");
    let frozen = fs::read(inner.join("cgroup.freeze")).expect("it is there");
    assert_eq!(frozen, b"0\n", "{command}");
    drop(cast);
    let gone = || fs::remove_dir(&inner).is_ok();
    assert!(eventually(gone), "{name:?}");
}

/// A file system of that name, mounted for a while.
struct Mounted(tempfile::TempDir, PathBuf);

impl Mounted {
    fn new(name: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let place = folder
            .path()
            .join(std::ffi::OsString::from_vec(name.to_vec()));
        fs::create_dir(&place).expect("the folder is writable");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "none"]).arg(&place);
        assert!(mount.status().expect("mount runs").success());
        drop(File::create(place.join("file")).expect("it can be written"));
        Self(folder, place)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.1).status();
        assert!(
            status.is_ok_and(|it| it.success()),
            "{}",
            self.0.path().display()
        );
    }
}
