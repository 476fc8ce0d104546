//! Runs one suite: a command with a time limit. Its output is kept in a file.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::output::{kernels, tally};
use crate::tally::Tally;
use crate::{process, prometheus, shell, workspace};

/// A command that runs tests.
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) counted: Counted,
    pub(super) limit: Duration,
    pub(super) command: Command,
    /// Why it cannot run here, if so.
    pub(super) lack: Option<String>,
}

/// How the tests of a suite are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// As cargo reports.
    CargoTests,
    /// As `xtask vm` reports.
    Kernels,
    /// The suite is one test.
    AsOne,
}

/// The result of a suite.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) counted: Counted,
    pub(super) tally: Tally,
    pub(super) output: String,
    pub(super) took: Duration,
    pub(super) failure: Option<String>,
    pub(super) lack: Option<String>,
}

impl Suite {
    pub(super) fn new(
        name: &'static str,
        counted: Counted,
        limit: Duration,
        command: Command,
    ) -> Self {
        Self {
            name,
            counted,
            limit,
            command,
            lack: None,
        }
    }
}

impl Outcome {
    /// Counts requested tests that neither passed nor failed as failures.
    pub(super) fn expect_tests(&mut self, count: u64) {
        let ran = self.tally.passed + self.tally.failed;
        if self.failure.is_none() && ran < count {
            self.failure = Some(format!("only {ran} of {count} tests ran"));
            self.tally.failed += count - ran;
        }
    }
}

/// Runs a suite to its end.
pub(super) fn run(mut suite: Suite) -> Result<Outcome> {
    if suite.lack.is_some() {
        return Ok(Outcome {
            name: suite.name,
            counted: suite.counted,
            tally: Tally::default(),
            output: String::new(),
            took: Duration::ZERO,
            failure: None,
            lack: suite.lack,
        });
    }
    println!("{}: running", suite.name);
    let began = Instant::now();
    let log = log_file(suite.name)?;
    let status = spawn(&mut suite.command, &log)
        .and_then(|child| wait(child, suite.limit))
        .with_context(|| format!("run `{}`", shell::display(&suite.command)))?;
    let output = fs::read(&log).with_context(|| format!("read {}", log.display()))?;
    let output = String::from_utf8_lossy(&output).into_owned();
    let failure = match status {
        None => Some(format!("killed after {} min", suite.limit.as_secs() / 60)),
        Some(status) if !status.success() => Some(status.to_string()),
        Some(_) => None,
    };
    let tally = count(suite.counted, failure.is_some(), &output);
    let (name, took) = (suite.name, began.elapsed());
    Ok(Outcome {
        name,
        counted: suite.counted,
        tally,
        output,
        took,
        failure,
        lack: None,
    })
}

/// A suite that failed before its first test counts as one failed test.
fn count(counted: Counted, failed: bool, output: &str) -> Tally {
    let mut result = match counted {
        Counted::CargoTests => tally(output),
        Counted::Kernels => kernels(output),
        Counted::AsOne => Tally {
            passed: u64::from(!failed),
            ..Tally::default()
        },
    };
    if failed {
        result.failed = result.failed.max(1);
    }
    result
}

fn log_file(suite: &str) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("xtask-test");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder.join(suite.replace(' ', "-") + ".log"))
}

/// Both streams go to one file: they stay in order, and a grandchild that keeps the file open does
/// not delay the end of the suite.
fn spawn(command: &mut Command, log: &PathBuf) -> Result<Child> {
    let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        prometheus::folder()
            .into_iter()
            .chain(env::split_paths(&path)),
    )?;
    command
        .env("PATH", path)
        .stdin(Stdio::null())
        .stderr(file.try_clone()?)
        .stdout(file);
    Ok(command.spawn()?)
}

/// The exit status, or none if the command had to be killed.
fn wait(mut child: Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            for pid in descendants(child.id()) {
                // Fails if it has exited already.
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The children of a process, their children, and so on.
fn descendants(ancestor: u32) -> Vec<u32> {
    let processes = process::all();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = processes.iter().filter(|child| child.parent == parent);
        found.extend(children.map(|child| child.pid));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, counted: Counted, limit: Duration) -> Suite {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Suite::new("a suite of these tests", counted, limit, command)
    }

    #[test]
    fn a_suite_without_results_counts_as_one_failure() {
        assert_eq!(count(Counted::CargoTests, true, "error").failed, 1);
        assert_eq!(count(Counted::AsOne, true, "").failed, 1);
        assert_eq!(count(Counted::AsOne, false, "").passed, 1);
    }

    #[test]
    fn a_suite_that_hangs_is_killed_with_all_it_started() {
        let command = "sleep 1000 & echo $!; sleep 1000";
        let outcome = run(sh(command, Counted::AsOne, Duration::from_millis(300))).unwrap();
        assert!(outcome.failure.unwrap().contains("killed"));
        assert_eq!(outcome.tally.failed, 1);
        let sleeper = format!("/proc/{}/stat", outcome.output.trim());
        let lives = || fs::read_to_string(&sleeper).is_ok_and(|stat| !stat.contains(") Z "));
        let deadline = Instant::now() + Duration::from_secs(10);
        while lives() {
            assert!(Instant::now() < deadline, "{sleeper} is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
