//! Runs a real agent for a measurement.

use std::ffi::{OsStr, OsString};
use std::fs;
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
    /// The command that starts it.
    words: Vec<OsString>,
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
        Self::start_with(&[], program, &["--listen", listen])
    }

    /// Starts an agent without HTTP under another command such as `setpriv`.
    pub(crate) fn start_under(under: &[String], program: &Path) -> Result<Self> {
        Self::start_with(under, program, &["--listen", "none"])
    }

    /// Starts an agent with these options, under another command.
    pub(crate) fn start_with(
        under: &[String],
        program: &Path,
        options: &[impl AsRef<OsStr>],
    ) -> Result<Self> {
        if let Some(lack) = host::no_probes() {
            bail!("cannot run an agent: {lack}");
        }
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let mut words: Vec<OsString> = under.iter().map(OsString::from).collect();
        words.push(program.into());
        words.push("agent".into());
        words.extend(options.iter().map(OsString::from));
        words.push("--socket".into());
        words.push(folder.path().join("socket").into());
        let began = Instant::now();
        let mut agent = Self {
            program: program.to_owned(),
            process: spawned(&words)?,
            words,
            folder,
            started_in: Duration::ZERO,
        };
        agent.wait_until_it_answers(began)?;
        Ok(agent)
    }

    /// Kills it, as the kernel would for lack of memory, and starts another one in its place.
    pub(crate) fn kill_and_start_again(&mut self) -> Result<()> {
        self.process.kill().context("kill the agent")?;
        self.process.wait().context("wait for the agent")?;
        self.process = spawned(&self.words)?;
        self.wait_until_it_answers(Instant::now())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.process.id() as i32), signal).context("signal the agent")
    }

    /// Removes the file of its socket.
    pub(crate) fn unlink_socket(&self) -> Result<()> {
        fs::remove_file(self.socket()).context("remove the socket")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// A connection that sends nothing.
    pub(crate) fn connect(&self) -> Result<UnixStream> {
        UnixStream::connect(self.socket()).context("connect to the agent")
    }

    /// A client that asks and does not read the answer.
    pub(crate) fn ask_only(&self, path: &str) -> Result<UnixStream> {
        let mut stream = self.connect()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .context("ask the agent")?;
        Ok(stream)
    }

    /// The descriptors that it has open.
    pub(crate) fn descriptors(&self) -> Result<Vec<u64>> {
        let path = format!("/proc/{}/fd", self.process.id());
        let open = fs::read_dir(&path).with_context(|| format!("list {path}"))?;
        let numbers = open.flatten().map(|entry| entry.file_name());
        Ok(numbers.filter_map(|it| it.to_str()?.parse().ok()).collect())
    }

    /// A command such as `zombies` that asks this agent.
    pub(crate) fn ask(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--socket").arg(self.socket());
        command.stdin(Stdio::null());
        command
    }

    /// The body of the response to a GET request.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut stream = self.connect()?;
        // In version 1.0, no body comes in chunks.
        let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).context("ask the agent")?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .context("read the answer of the agent")?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.0 200 ") => Ok(body.to_owned()),
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

fn spawned(words: &[OsString]) -> Result<Child> {
    let (program, arguments) = words.split_first().context("no program to run")?;
    Command::new(program)
        .args(arguments)
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("run `{}`", program.display()))
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}
