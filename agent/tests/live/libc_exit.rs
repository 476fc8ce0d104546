//! The part of an exit before the kernel's, in the C library.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use scenarios::truth::Lack;

use crate::agent::{Agent, eventually};
use crate::scenario;
use crate::stream::Stream;
use api::Seconds;

/// How long the handler of the program below sleeps.
const HANDLER_SECONDS: f64 = 0.03;
const PROGRAM: &str = r#"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void handler(void) { usleep(30000); }
int main(int count, char **words) {
    atexit(handler);
    if (!strcmp(words[1], "stay")) pause();
    if (!strcmp(words[1], "_exit")) _exit(3);
    if (!strcmp(words[1], "abort")) abort();
    exit(0);
}
"#;
/// Compilers with their arguments, by the name of what they make.
const COMPILED: [(&str, &[&str]); 4] = [
    ("glibc", &["cc"]),
    ("glibc-static", &["cc", "-static"]),
    ("musl", &["musl-gcc"]),
    ("musl-static", &["musl-gcc", "-static"]),
];

#[test]
#[ignore = "needs root, a kernel with BTF, perl and uprobes"]
fn time_in_exit_handlers_is_measured_before_the_exit() {
    // The library of perl is probed because a process uses it.
    let other = Staying::start(perl("sleep 60"));
    let agent = Agent::start(&["--steps", "--libc-exit"]);
    if is_refused(&agent) {
        return;
    }
    let mut stream = Stream::of(&agent);
    let mut handlers = |code: &str| handlers(&mut stream, &mut perl(code), "perl");
    let plain = handlers("exit 0").expect("perl calls exit");
    assert!(plain.0 > 0.0);
    let none = handlers("use POSIX; POSIX::_exit(3)");
    assert_eq!(none, Some(Seconds(0.0)), "_exit runs no handlers");
    assert_eq!(handlers("kill 9, $$"), None, "killed in its program");
    with_a_later_library(&mut stream, other.0.id());
}

/// A copy of the C library of a process is another file, as in a container that starts later.
fn with_a_later_library(stream: &mut Stream, of: u32) {
    let maps = std::fs::read_to_string(format!("/proc/{of}/maps")).expect("it runs");
    let mut files = maps.split_whitespace();
    let libc = files.find(|it| it.ends_with("/libc.so.6"));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let copy = folder.path().join("libc.so.6");
    std::fs::copy(libc.expect("perl maps it"), copy).expect("a copy can be made");
    let perl = |code: &str| {
        let mut perl = perl(code);
        perl.env("LD_LIBRARY_PATH", folder.path());
        perl
    };
    let _other = Staying::start(perl("sleep 60"));
    let is_measured = || handlers(stream, &mut perl("exit 0"), "perl").is_some();
    assert!(eventually(is_measured), "the copy is not probed");
}

#[test]
#[ignore = "needs root, a kernel with BTF, uprobes and musl-gcc"]
fn exits_by_each_c_library_are_seen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let programs = COMPILED.map(|(name, compiler)| compiled(folder.path(), name, compiler));
    let run = |program: &PathBuf, how: &str| {
        let mut command = Command::new(program);
        command.arg(how);
        command
    };
    // Files are probed that a process uses.
    let _others = programs
        .each_ref()
        .map(|it| Staying::start(run(it, "stay")));
    let agent = Agent::start(&["--steps", "--libc-exit"]);
    if is_refused(&agent) {
        return;
    }
    let mut stream = Stream::of(&agent);
    for (program, (name, _)) in programs.iter().zip(COMPILED) {
        let mut handlers = |how: &str| handlers(&mut stream, &mut run(program, how), name);
        let slow = handlers("exit").map(|took| took.0 >= HANDLER_SECONDS);
        assert_eq!(slow, Some(true), "{name}: exit");
        assert_eq!(handlers("_exit"), Some(Seconds(0.0)), "{name}: _exit");
        assert_eq!(handlers("abort"), None, "{name}: killed by its own signal");
    }
}

/// A process that stays until this is dropped.
struct Staying(Child);

impl Staying {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().expect("it runs"))
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn perl(code: &str) -> Command {
    let mut perl = Command::new("perl");
    perl.args(["-e", code]);
    perl
}

/// The time that a program of this name takes between its call of `exit` and the kernel's part.
fn handlers(stream: &mut Stream, command: &mut Command, name: &str) -> Option<Seconds> {
    let mut child = command.spawn().expect("it runs");
    child.wait().expect("it ends");
    let line = stream.line_of(child.id(), name);
    line.steps.and_then(|steps| steps.exit_handlers)
}

/// Whether the kernel refuses these probes; then the test is listed as skipped.
fn is_refused(agent: &Agent) -> bool {
    let doctor = agent.doctor();
    let mut probes = doctor.probes.iter();
    let probe = probes.find(|probe| probe.probe == "libc_exit");
    let probe = probe.expect("it was asked for");
    if probe.hook.is_some() {
        return false;
    }
    let lacks = probe.refused.join("; ");
    let name = "libc_exit".to_owned();
    scenario::skipped(&Lack { name, lacks });
    true
}

fn compiled(folder: &Path, name: &str, compiler: &[&str]) -> PathBuf {
    let (source, program) = (folder.join("program.c"), folder.join(name));
    std::fs::write(&source, PROGRAM).expect("the folder is writable");
    let mut compile = Command::new(compiler[0]);
    let compile = compile
        .args(&compiler[1..])
        .arg("-o")
        .args([&program, &source]);
    assert!(compile.status().expect(compiler[0]).success(), "{name}");
    program
}
