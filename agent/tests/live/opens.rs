//! The list of files in SECURITY.md, compared with what an agent opens while it answers everything.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::agent::{Agent, eventually};

const SECURITY: &str = include_str!("../../../SECURITY.md");
/// Calls that read a file or a link by its name.
const CALLS: &str = "trace=open,openat,openat2,readlink,readlinkat,process_vm_readv";
/// Files that every agent opens while it judges a parent.
const ALWAYS: [&str; 4] = [
    "/proc/PID/stat",
    "/proc/PID/cgroup",
    "/proc/PID/task/TID/wchan",
    "/sys/kernel/btf/vmlinux",
];

#[test]
#[ignore = "needs root, a kernel with BTF, and strace"]
fn the_agent_opens_only_what_the_security_document_lists() {
    let patterns = listed();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    // The tracer is not the child, so that the agent itself is stopped at the end.
    strace.args(["-D", "-f", "-qq", "-y", "-e", CALLS, "-o"]);
    strace.arg(&trace).arg(crate::agent::REAPWATCH);
    let agent = Agent::start_as(strace, &[], &folder.path().join("s.sock"));
    let parent = Blocked::on(&folder.path().join("fifo"));
    let judged = eventually(|| {
        let culprit = agent.culprit(parent.0.id());
        culprit.is_some_and(|culprit| culprit.verdict.is_some())
    });
    assert!(judged, "the parent got no verdict");
    agent.zombies();
    agent.stuck("1s");
    agent.explain(parent.0.id());
    agent.doctor();
    agent.metric("reapwatch_zombies", "");
    drop((agent, parent));

    let opened = opened(&fs::read_to_string(&trace).expect("strace has written it"));
    let unlisted: Vec<_> = opened
        .iter()
        .filter(|path| !patterns.iter().any(|pattern| matches(pattern, path)))
        .filter(|path| !path.starts_with(folder.path().to_str().expect("UTF-8")))
        .collect();
    assert!(unlisted.is_empty(), "not in SECURITY.md: {unlisted:#?}");
    for pattern in ALWAYS {
        assert!(patterns.contains(&pattern), "{pattern} is not listed");
        let is_it = |path: &String| matches(pattern, path);
        assert!(opened.iter().any(is_it), "{pattern} was not opened");
    }
}

/// A parent with a zombie that waits for somebody to open a FIFO.
struct Blocked(Child);

impl Blocked {
    fn on(fifo: &Path) -> Self {
        let made = Command::new("mkfifo").arg(fifo).status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "a FIFO can be made"
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 0.1 & exec cat \"$0\""]).arg(fifo);
        let (stdout, stderr) = (Stdio::null(), Stdio::null());
        let child = shell.stdout(stdout).stderr(stderr).spawn();
        Self(child.expect("there is a shell"))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The paths in the first column of the table of files.
fn listed() -> Vec<&'static str> {
    let (_, section) = SECURITY.split_once("## Files").expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let paths = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let paths: Vec<_> = paths.collect();
    assert!(paths.len() > 30, "{paths:?}");
    paths
}

/// All paths in a trace.
fn opened(trace: &str) -> BTreeSet<String> {
    let path = |line: &str| {
        let (call, rest) = line.split_once('"')?;
        let (path, _) = rest.split_once('"')?;
        // `openat(3</proc/7>, "stat", …`
        let folder = call
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        Some(match folder {
            Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
            _ => path.to_owned(),
        })
    };
    let lines = trace.lines().filter(|line| !line.contains("execve"));
    lines.filter_map(path).collect()
}

/// A name in capitals stands for any one name, those of numbers for digits; a star at the end for
/// all that is below.
fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    for expected in pattern.split('/') {
        let Some(name) = names.next() else {
            return false;
        };
        let fits = match expected {
            "*" => return true,
            "PID" | "TID" | "FD" => name.parse::<u32>().is_ok(),
            "NAME" => !name.is_empty(),
            other => name == other,
        };
        if !fits {
            return false;
        }
    }
    names.next().is_none()
}
