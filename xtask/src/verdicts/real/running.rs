//! A case that is running.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::case::Case;
use super::group::Group;
use super::needs::venv;
use super::procs::{self, Cast};
use crate::process::Process;
use crate::workspace;

/// How long the truth must have held.
const HOLDS: Duration = Duration::from_millis(600);

/// A case in its own folder and cgroup, killed on drop.
pub(super) struct RunningCase<'a> {
    pub(super) case: &'a Case,
    process: Option<Child>,
    /// Since when its truth holds.
    since: Option<Instant>,
    group: Group,
    folder: TempDir,
}

impl<'a> RunningCase<'a> {
    /// Copies the files of a case and builds what it needs.
    pub(super) fn build(case: &'a Case) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        for entry in fs::read_dir(&case.files)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
        let stage = Self {
            case,
            process: None,
            since: None,
            group: Group::new(&case.name)?,
            folder,
        };
        if let Some(line) = &case.sheet.build {
            let built = stage
                .shell(line, &[])?
                .status()
                .context("run the build of a case")?;
            if !built.success() {
                bail!("{}: `{line}` failed: {}", case.name, stage.log());
            }
        }
        Ok(stage)
    }

    /// Starts the program in its own session.
    pub(super) fn start(&mut self) -> Result<()> {
        let prefix = ["setsid"];
        let mut command = self.shell(&self.case.sheet.run, &prefix)?;
        self.process = Some(command.spawn().context("start a case")?);
        Ok(())
    }

    /// The processes that have the roles now.
    pub(super) fn cast(&mut self) -> Cast {
        // The program is our child, so we reap it.
        if let Some(process) = &mut self.process {
            let _lives = process.try_wait();
        }
        procs::find(&self.case.sheet.cast, &self.procs(), self.folder.path())
    }

    /// Whether the truth has held for a while. A program that reaps also has zombies for a moment.
    pub(super) fn is_true(&mut self) -> bool {
        let cast = self.cast();
        let whole = self
            .case
            .sheet
            .cast
            .keys()
            .all(|role| cast.contains_key(role));
        self.since = if whole {
            self.since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
        self.since.is_some_and(|since| since.elapsed() >= HOLDS)
    }

    /// Why the truth does not hold.
    pub(super) fn describe(&mut self) -> String {
        let cast = self.cast();
        let missing = self.case.sheet.cast.keys();
        let missing: Vec<_> = missing
            .filter(|role| !cast.contains_key(*role))
            .map(String::as_str)
            .collect();
        let procs = self.procs();
        let procs = procs
            .iter()
            .map(|proc| format!("{} {} {}", proc.pid, proc.comm, proc.state));
        let procs = procs.collect::<Vec<_>>().join(", ");
        format!(
            "not found: {}; processes: {procs}; output: {}",
            missing.join(", "),
            self.log()
        )
    }

    fn procs(&self) -> Vec<Process> {
        procs::of_case(&self.group.pids())
    }

    /// The last lines of its output.
    fn log(&self) -> String {
        let text = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// A shell that joins the cgroup of the case and then runs this line.
    fn shell(&self, line: &str, prefix: &[&str]) -> Result<Command> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))?;
        let cache = workspace::cache("real");
        fs::create_dir_all(&cache).with_context(|| format!("make {}", cache.display()))?;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("echo $$ >\"$CASE_CGROUP/cgroup.procs\"; exec \"$@\"")
            .arg("sh")
            .args(prefix)
            .args(["sh", "-c", line])
            .current_dir(self.folder.path())
            .env("CASE_CGROUP", self.group.folder())
            .env("CASE_CACHE", &cache)
            .env("CASE_VENV", venv())
            .env("GOCACHE", cache.join("go"))
            .env("GO111MODULE", "off")
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        Ok(command)
    }
}

impl Drop for RunningCase<'_> {
    fn drop(&mut self) {
        self.group.kill();
        if let Some(process) = &mut self.process {
            // Both fail if it has exited already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
