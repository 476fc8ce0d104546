//! Exits, made by `scenarios exits`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::shell;

/// Exits to be made.
#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) program: &'a Path,
    /// `fork`, `vfork`, `spawn` or `thread`.
    pub(super) kind: &'static str,
    pub(super) count: u32,
    pub(super) rate: Option<u32>,
    /// Cgroups of the children, in turn.
    pub(super) cgroups: &'a [PathBuf],
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Made {
    pub(super) count: u32,
    pub(super) seconds: f64,
}

/// A load that waits for its start.
pub(super) struct Ready {
    process: Child,
    name: String,
}

impl Load<'_> {
    /// Makes all exits.
    pub(super) fn run(&self) -> Result<Made> {
        self.prepare()?.run()
    }

    /// Starts the program, which waits.
    pub(super) fn prepare(&self) -> Result<Ready> {
        let mut command = Command::new(self.program);
        command.args(["exits", self.kind, "--count", &self.count.to_string()]);
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        for cgroup in self.cgroups {
            command.arg("--cgroup").arg(cgroup);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let name = shell::display(&command);
        let process = command
            .spawn()
            .with_context(|| format!("run `{name:.80}`"))?;
        Ok(Ready { process, name })
    }
}

impl Ready {
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Makes all exits.
    pub(super) fn run(mut self) -> Result<Made> {
        self.begin();
        self.end()
    }

    pub(super) fn begin(&mut self) {
        drop(self.process.stdin.take());
    }

    pub(super) fn end(self) -> Result<Made> {
        let output = self.process.wait_with_output();
        let output = output.with_context(|| format!("run `{:.80}`", self.name))?;
        ensure!(
            output.status.success(),
            "`{:.80}` failed ({})",
            self.name,
            output.status
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("parse the output of `{:.80}`", self.name))
    }
}
