//! What actors work with: the agent, and the programs that die.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fmt, fs, thread};

use anyhow::{Context, Result, bail};

use super::books::Books;
use super::cage::Cage;
use super::log::Log;
use super::port::Port;
use crate::agent::Agent;
use crate::stop::until;
use crate::{shell, usage};

/// How long the agent may take until its books show what happened.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// How long tables keep what is over; then memory is back at rest.
const REST: Duration = Duration::from_secs(5);

/// What the agent uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) bytes: u64,
    pub(super) descriptors: usize,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.bytes as f64 / 1e6;
        write!(f, "{megabytes:.1} MB, {} descriptors", self.descriptors)
    }
}

pub(super) struct Stage {
    pub(super) agent: Agent,
    pub(super) port: Port,
    pub(super) log: Log,
    pub(super) scenarios: PathBuf,
    cage: Cage,
    /// The books after the last actor.
    books: Books,
}

impl Stage {
    pub(super) fn new(program: &Path, scenarios: PathBuf) -> Result<Self> {
        let (cage, log, port) = (Cage::new()?, Log::new("warn")?, Port::new()?);
        let under = log.under(&cage.enter());
        let agent = Agent::start_with(&under, program, &port.options())?;
        let books = Books::read(&agent.get("/metrics")?)?;
        Ok(Self {
            agent,
            port,
            log,
            scenarios,
            cage,
            books,
        })
    }

    /// A command of `scenarios`.
    pub(super) fn scenarios(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.scenarios);
        command.args(words);
        command
    }

    /// Makes this many deaths one after the other.
    pub(super) fn cycles(&self, count: u64) -> Result<u64> {
        shell::read(&mut self.scenarios(&["cycles", "--count", &count.to_string()]))?;
        Ok(count)
    }

    /// Zombies of one parent, until dropped.
    pub(super) fn leak(&self, count: u64) -> Result<Leak> {
        let mut command = self.scenarios(&["leak", "--count", &count.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("run `scenarios leak`")?;
        let stdout = process.stdout.take().context("it has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        for _ in 0..count {
            lines.next().context("`scenarios leak` ended")??;
        }
        Ok(Leak { process })
    }

    /// Waits until the agent says that this process holds so many zombies.
    pub(super) fn expect_held(&self, leak: &Leak, count: u64) -> Result<()> {
        let pid = leak.process.id();
        let path = format!("/api/v1/culprits?filter=pid%3D{pid}");
        until(&format!("{pid} to hold {count} zombies"), SOON, || {
            let Ok(text) = self.agent.get(&path) else {
                return Ok(None);
            };
            let document: serde_json::Value = serde_json::from_str(&text)?;
            Ok((document["items"][0]["zombies"] == count).then_some(()))
        })
    }

    /// Waits until the agent is healthy, as whatever was done to it goes on.
    pub(super) fn expect_health(&self) -> Result<()> {
        until("a healthy agent", SOON, || {
            Ok(self.agent.get("/healthz").ok().map(drop))
        })
    }

    /// The books of a new agent begin anew.
    pub(super) fn begin_books(&mut self) -> Result<()> {
        self.books = Books::read(&self.agent.get("/metrics")?)?;
        Ok(())
    }

    /// Compares the books: at least `deaths` more have died since the last actor, and as many have
    /// been reaped as are no longer there.
    pub(super) fn balance(&mut self, deaths: u64) -> Result<()> {
        let before = self.books;
        let (mut now, mut page) = (before, String::new());
        let balanced = until("balanced books", SOON, || {
            let Ok(answer) = self.agent.get("/metrics") else {
                return Ok(None);
            };
            page = answer;
            now = Books::read(&page)?;
            let is_grown = now.exits - before.exits >= deaths as i64;
            let is_balanced = is_grown && now.brought_forward() == before.brought_forward();
            Ok(is_balanced.then_some(()))
        });
        self.books = now;
        if self.cage.kills()? > 0 {
            bail!("the agent was killed for lack of memory");
        }
        balanced.with_context(|| {
            let of_repairs = |line: &&str| line.starts_with("reapwatch_reconcile_corrections");
            let repairs: Vec<_> = page.lines().filter(of_repairs).collect();
            let repairs = repairs.join("\n");
            format!("{deaths} more deaths: {before}; then {now}\n{repairs}")
        })
    }

    /// What the agent uses once it rests.
    pub(super) fn at_rest(&self) -> Result<Use> {
        thread::sleep(REST);
        let pid = self.agent.pid();
        let [resident, _] = usage::memory(pid)?;
        // There is a pidfd for each zombie of this machine, whoever left it.
        let is_pidfd = |number: &u64| {
            let what = fs::read_link(format!("/proc/{pid}/fd/{number}"));
            what.is_ok_and(|what| what == Path::new("anon_inode:[pidfd]"))
        };
        let open = self.agent.descriptors()?.into_iter();
        Ok(Use {
            bytes: resident,
            descriptors: open.filter(|number| !is_pidfd(number)).count(),
        })
    }

    /// Stops the agent, and prints what it has logged.
    pub(super) fn end(self) -> Result<()> {
        let Self {
            agent, cage, log, ..
        } = self;
        drop(agent);
        println!("\nlogged:");
        for (line, times) in log.lines()? {
            println!("{times:5} × {line}");
        }
        if cage.kills()? > 0 {
            bail!("the agent was killed for lack of memory");
        }
        Ok(())
    }
}

/// A parent that does not reap.
pub(super) struct Leak {
    process: Child,
}

impl Drop for Leak {
    fn drop(&mut self) {
        // It ends when its stdin closes.
        drop(self.process.stdin.take());
        let _gone = self.process.wait();
    }
}
