//! A program that runs as long as the cluster, with its log.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// How many lines of a log a message quotes.
const LINES: usize = 8;

#[derive(Debug)]
pub(super) struct Daemon {
    name: String,
    process: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it. The log outlives the cluster, in `target/cluster`.
    pub(super) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let log = workspace::target_dir()
            .join("cluster")
            .join(format!("{name}.log"));
        fs::create_dir_all(log.with_file_name("")).context("make the folder of logs")?;
        let file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("run {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            process,
            log,
        })
    }

    /// Fails, with the end of its log, if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!("{} ended ({status}): {}", self.name, self.end_of_log());
        }
        Ok(())
    }

    /// Kills it.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill().context("kill a program")?;
        self.process.wait().context("wait for its end")?;
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
