//! Measures the error of the agent's zombie times.
//!
//! The true time is what a parent can measure: from the return of the `waitid(WNOWAIT)` that saw
//! the death to the return of `wait4`. Both return a little after the event itself, so the error
//! includes a few microseconds for two returns from the kernel.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::agent::Agent;
use crate::cli::Accuracy;
use crate::quantile::quantile;
use crate::{host, run, shell};

/// A line of `scenarios accuracy`.
#[derive(Deserialize)]
struct Truth {
    pid: u32,
    died_at: Interval,
    reaped_at: Interval,
}

#[derive(Deserialize)]
struct Interval {
    not_after_ns: u64,
}

/// A line of `reapwatch exits --json`.
#[derive(Deserialize)]
struct Exit {
    pid: u32,
    zombie_seconds: Option<f64>,
}

/// `cargo xtask accuracy`.
pub(crate) fn main(options: &Accuracy) -> Result<ExitCode> {
    let scenarios = run::build_release("scenarios")?;
    let agent = Agent::start(&run::build_agent()?)?;
    let mut exits = Exits::follow(&agent)?;
    exits.wait_for_the_stream(&scenarios)?;

    println!("|zombie_seconds - truth|, in microseconds");
    println!("truth: from the return of the waitid(WNOWAIT) that saw the death to that of wait4");
    println!("{}", host::describe());
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    println!("source {}, {date}\n", agent.source()?);
    println!("delay (ms) |    n | median |    p90 |    p99 |    max");
    println!("-----------+------+--------+--------+--------+-------");
    let mut missing = 0;
    for delay in &options.delays {
        let truths = make_deaths(&scenarios, *delay, options.count)?;
        let mut errors = exits.errors(&truths);
        missing += truths.len() - errors.len();
        errors.sort_by(f64::total_cmp);
        println!(
            "{delay:10} | {:4} | {:6.1} | {:6.1} | {:6.1} | {:6.1}",
            errors.len(),
            quantile(&errors, 0.5),
            quantile(&errors, 0.9),
            quantile(&errors, 0.99),
            quantile(&errors, 1.0),
        );
    }
    if missing > 0 {
        bail!("`reapwatch exits` has no zombie time for {missing} deaths");
    }
    Ok(ExitCode::SUCCESS)
}

fn make_deaths(scenarios: &Path, delay: u64, count: usize) -> Result<Vec<Truth>> {
    let mut command = Command::new(scenarios);
    command.args([
        "accuracy",
        "--delay",
        &delay.to_string(),
        "--count",
        &count.to_string(),
    ]);
    shell::read(&mut command)?
        .lines()
        .map(|line| serde_json::from_str(line).context("parse a line of `scenarios accuracy`"))
        .collect()
}

/// The stream of finished deaths.
struct Exits {
    process: Child,
    lines: Receiver<Exit>,
    seen: HashMap<u32, Option<f64>>,
}

impl Exits {
    fn follow(agent: &Agent) -> Result<Self> {
        let mut process = agent
            .ask(&["exits", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("run `reapwatch exits`")?;
        let stdout = process
            .stdout
            .take()
            .context("`reapwatch exits` has no stdout")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // Lines of other kinds, such as lost events, do not parse.
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            for exit in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                if sender.send(exit).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            process,
            lines,
            seen: HashMap::new(),
        })
    }

    /// Makes deaths until one is reported.
    fn wait_for_the_stream(&mut self, scenarios: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let pids: Vec<_> = make_deaths(scenarios, 1, 1)?
                .iter()
                .map(|truth| truth.pid)
                .collect();
            if self.collect(&pids, Duration::from_millis(500)) {
                return Ok(());
            }
        }
        bail!("`reapwatch exits` shows no deaths");
    }

    /// Reads until all of `pids` were seen. Returns whether they were.
    fn collect(&mut self, pids: &[u32], limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !pids.iter().all(|pid| self.seen.contains_key(pid)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(exit) = self.lines.recv_timeout(left) else {
                return false;
            };
            self.seen.insert(exit.pid, exit.zombie_seconds);
        }
        true
    }

    /// The errors of the deaths that were reported, in microseconds.
    fn errors(&mut self, truths: &[Truth]) -> Vec<f64> {
        let pids: Vec<_> = truths.iter().map(|truth| truth.pid).collect();
        // Deaths of an earlier round may have had the same PIDs.
        self.seen.clear();
        self.collect(&pids, Duration::from_secs(10));
        let error = |truth: &Truth| {
            let seconds = self.seen.get(&truth.pid).copied().flatten()?;
            let truth_ns = truth.reaped_at.not_after_ns - truth.died_at.not_after_ns;
            Some((seconds * 1e6 - truth_ns as f64 / 1e3).abs())
        };
        truths.iter().filter_map(error).collect()
    }
}

impl Drop for Exits {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
