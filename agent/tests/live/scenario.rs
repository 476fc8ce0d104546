//! Runs the program that makes deaths with a known truth.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use scenarios::culprits::Culprit;
use scenarios::slow::SlowExit;
use scenarios::stays::Stay;
use scenarios::stuck::Stuck;
use scenarios::truth::{Crowd, Lack, Truth};
use serde::de::DeserializeOwned;

use crate::agent::REAPWATCH;

/// The program, beside the one under test.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(REAPWATCH).with_file_name("scenarios");
        assert!(
            program.exists(),
            "{} is missing: `cargo build --workspace` makes it",
            program.display()
        );
        program
    })
}

fn output(args: &[&str]) -> String {
    let output = Command::new(program())
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "scenarios {args:?} failed");
    String::from_utf8(output.stdout).expect("JSON is UTF-8")
}

/// The deaths of one scenario that every kernel can run, after all of them.
pub(crate) fn run(name: &str) -> Vec<Truth> {
    truths(&["run", name])
}

/// The deaths of one scenario, after all of them, or what this kernel lacks for it.
pub(crate) fn try_run(name: &str) -> Result<Vec<Truth>, Lack> {
    let output = output(&["run", name]);
    match serde_json::from_str(&output) {
        Ok(lack) => Err(lack),
        Err(_) => Ok(parse(&output)),
    }
}

/// Prints that a test could not be made here. Not by `eprintln`, which the test harness keeps to
/// itself when the test passes: `cargo xtask test` lists these lines.
pub(crate) fn skipped(Lack { name, lacks }: &Lack) {
    writeln!(std::io::stderr(), "\nSKIPPED {name}: {lacks}").expect("stderr is open");
}

/// The deaths that the program makes with these arguments.
pub(crate) fn truths(args: &[&str]) -> Vec<Truth> {
    parse(&output(args))
}

fn parse(output: &str) -> Vec<Truth> {
    let lines = output.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a truth"))
        .collect()
}

/// A slow exit, or what this machine lacks for it.
pub(crate) fn slow(name: &str) -> Result<SlowExit, Lack> {
    let line = output(&["slow", name]);
    serde_json::from_str(&line)
        .map_err(|_| serde_json::from_str(&line).expect("a slow exit, or a lack"))
}

/// `count` deaths by vfork as fast as possible; `kind` is `burst` or `cycles`.
pub(crate) fn crowd(kind: &str, count: u32) -> Crowd {
    serde_json::from_str(&output(&[kind, "--count", &count.to_string()])).expect("a crowd")
}

/// Zombies that stay until this is dropped.
#[derive(Debug)]
pub(crate) struct Leak {
    kept: Kept,
    /// The zombies.
    pub(crate) truths: Vec<Truth>,
}

impl Leak {
    /// Makes `count` of them.
    pub(crate) fn start(count: u32) -> Self {
        let args = ["leak", "--count", &count.to_string()];
        let (kept, truths) = Kept::start_many(&args, count as usize);
        Self { kept, truths }
    }

    /// The process that leaks.
    pub(crate) fn pid(&self) -> u32 {
        self.kept.program.id()
    }
}

/// A process that stays in a state until this is dropped.
#[derive(Debug)]
pub(crate) struct Staying {
    _kept: Kept,
    /// The process and its state.
    pub(crate) stay: Stay,
}

impl Staying {
    /// Starts the one of this name.
    pub(crate) fn start(name: &str) -> Self {
        let (kept, stay) = Kept::start(&["stay", name]);
        Self { _kept: kept, stay }
    }
}

/// The program, which keeps what it made until this is dropped.
#[derive(Debug)]
struct Kept {
    program: Child,
    stdin: Option<ChildStdin>,
}

impl Kept {
    /// Starts it, and reads the line with what it made.
    fn start<T: DeserializeOwned>(args: &[&str]) -> (Self, T) {
        let (kept, mut made) = Self::start_many(args, 1);
        (kept, made.remove(0))
    }

    /// The same for one that prints several lines.
    fn start_many<T: DeserializeOwned>(args: &[&str], count: usize) -> (Self, Vec<T>) {
        let mut program = Command::new(program())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdin = program.stdin.take();
        let stdout = BufReader::new(program.stdout.take().expect("it is piped"));
        let lines = stdout.lines().take(count);
        let made: Vec<_> = lines
            .map(|line| {
                serde_json::from_str(&line.expect("a line"))
                    .unwrap_or_else(|error| panic!("scenarios {args:?}: {error}"))
            })
            .collect();
        assert_eq!(made.len(), count, "scenarios {args:?} ended early");
        (Self { program, stdin }, made)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.program.wait());
    }
}

/// A parent that does not reap until this is dropped.
#[derive(Debug)]
pub(crate) struct Misbehaving {
    _kept: Kept,
    /// The process, and the verdict that is true of it.
    pub(crate) culprit: Culprit,
}

impl Misbehaving {
    /// Starts the one of this name.
    pub(crate) fn start(name: &str) -> Self {
        let (kept, culprit) = Kept::start(&["culprit", name]);
        Self {
            _kept: kept,
            culprit,
        }
    }
}

/// A process that does not die until this is dropped.
#[derive(Debug)]
pub(crate) struct Undying {
    _kept: Kept,
    /// The process, and the truth about it.
    pub(crate) truth: Stuck,
}

impl Undying {
    /// Starts the one of this name.
    pub(crate) fn start(name: &str) -> Self {
        let (kept, truth) = Kept::start(&["stuck", name]);
        Self { _kept: kept, truth }
    }
}
