//! Runs a real agent for a measurement.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tempfile::TempDir;

use crate::host;

/// An agent with its own socket, stopped on drop.
pub(crate) struct Agent {
    program: PathBuf,
    process: Child,
    folder: TempDir,
    started_in: Duration,
}

impl Agent {
    /// Starts `program` as an agent without HTTP and waits until it answers.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        Self::start_at(program, "none")
    }

    /// Starts an agent with HTTP at this address.
    pub(crate) fn start_at(program: &Path, listen: &str) -> Result<Self> {
        Self::spawn(&[], program, listen)
    }

    /// Starts an agent without HTTP under another command such as `setpriv`.
    pub(crate) fn start_under(under: &[String], program: &Path) -> Result<Self> {
        Self::spawn(under, program, "none")
    }

    fn spawn(under: &[String], program: &Path, listen: &str) -> Result<Self> {
        if let Some(lack) = host::no_probes() {
            bail!("cannot run an agent: {lack}");
        }
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let mut words = under.iter().map(OsStr::new).chain([program.as_os_str()]);
        let began = Instant::now();
        let process = Command::new(words.next().context("no program to run")?)
            .args(words)
            .args(["agent", "--listen", listen, "--socket"])
            .arg(folder.path().join("socket"))
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("run `{}`", program.display()))?;
        let mut agent = Self {
            program: program.to_owned(),
            process,
            folder,
            started_in: Duration::ZERO,
        };
        agent.wait_until_it_answers(began)?;
        Ok(agent)
    }

    /// A command such as `zombies` that asks this agent.
    pub(crate) fn ask(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .arg("--socket")
            .arg(self.folder.path().join("socket"));
        command.stdin(Stdio::null());
        command
    }

    /// The body of the response to a GET request.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let socket = self.folder.path().join("socket");
        let mut stream = UnixStream::connect(socket).context("connect to the agent")?;
        let host = "Host: localhost\r\nConnection: close";
        write!(stream, "GET {path} HTTP/1.1\r\n{host}\r\n\r\n").context("ask the agent")?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .context("read the answer of the agent")?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
            _ => bail!("GET {path} failed: {answer:.80}"),
        }
    }

    /// The weakest hook in use, such as `tracepoint`.
    pub(crate) fn source(&self) -> Result<String> {
        #[derive(Deserialize)]
        struct Document {
            source: String,
        }
        let output = self
            .ask(&["zombies", "--json"])
            .output()
            .context("ask the agent")?;
        let document: Document =
            serde_json::from_slice(&output.stdout).context("parse `zombies --json`")?;
        Ok(document.source)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The time from its start until it was ready.
    pub(crate) fn started_in(&self) -> Duration {
        self.started_in
    }

    fn wait_until_it_answers(&mut self, began: Instant) -> Result<()> {
        let deadline = began + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                bail!("the agent exited ({status})");
            }
            if self.get("/readyz").is_ok() {
                self.started_in = began.elapsed();
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        bail!("the agent did not answer within 20 s");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}
