//! Measures the cost of `culprits` on a machine with many processes: the time of a request, and the
//! CPU time that the agent spends on evidence.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::agent::Agent;
use crate::cli::BenchCulprits;
use crate::quantile::quantile;
use crate::usage::{cpu, memory};
use crate::{host, run, shell};

/// After this time zombies are old, and the agent has handled their deaths.
const SETTLE: Duration = Duration::from_secs(15);
/// Longer than verdicts are cached.
const BETWEEN: Duration = Duration::from_millis(1_500);

/// Many processes, stopped on drop.
pub(crate) struct Load {
    program: Child,
    pub(crate) parent: u32,
}

/// The answer of `/api/v1/culprits`.
#[derive(Deserialize)]
struct Document {
    items: Vec<Culprit>,
}

#[derive(Deserialize)]
struct Culprit {
    process: Process,
    zombies: u32,
    verdict: Option<Verdict>,
}

#[derive(Deserialize)]
struct Process {
    pid: u32,
}

#[derive(Deserialize)]
struct Verdict {
    id: String,
}

/// `cargo xtask bench culprits`.
pub(crate) fn main(options: &BenchCulprits) -> Result<ExitCode> {
    let program = run::build_agent()?;
    let scenarios = run::build_release("scenarios")?;
    let agent = Agent::start(&program)?;
    let _sleepers = Load::start(&scenarios, "--sleepers", options.sleepers)?;
    thread::sleep(SETTLE);
    let without = share_of_cpu(&agent, options.seconds)?;
    let dead = Load::start(&scenarios, "--zombies", options.zombies)?;
    thread::sleep(SETTLE);
    let with = share_of_cpu(&agent, options.seconds)?;
    let mut answers = Vec::new();
    for _ in 0..options.asks {
        thread::sleep(BETWEEN);
        answers.push(ask(&agent, &dead, options.zombies)?.as_secs_f64() * 1e3);
    }
    answers.sort_by(f64::total_cmp);
    println!("{}", host::describe());
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    println!(
        "source {}, {date}, {} zombies of one parent, {} sleeping processes\n",
        agent.source()?,
        options.zombies,
        options.sleepers
    );
    println!(
        "culprits: {:.0} ms (median of {}), slowest {:.0} ms",
        quantile(&answers, 0.5),
        answers.len(),
        quantile(&answers, 1.0)
    );
    println!(
        "agent CPU: {:.2} % with the zombies, {:.2} % without, {:.2} % for evidence",
        with * 100.0,
        without * 100.0,
        (with - without) * 100.0
    );
    println!(
        "agent memory (RSS): {:.1} MB",
        memory(agent.pid())?[0] as f64 / 1e6
    );
    Ok(ExitCode::SUCCESS)
}

/// The time of a request whose answer must be right.
fn ask(agent: &Agent, dead: &Load, zombies: u32) -> Result<Duration> {
    let began = Instant::now();
    let body = agent.get("/api/v1/culprits")?;
    let took = began.elapsed();
    let document: Document = serde_json::from_str(&body).context("parse the culprits")?;
    let mut culprits = document.items.into_iter();
    let culprit = culprits.find(|culprit| culprit.process.pid == dead.parent);
    let is_right = culprit.is_some_and(|culprit| {
        let verdict = culprit.verdict.map(|verdict| verdict.id);
        culprit.zombies == zombies && verdict.as_deref() == Some("never_waits")
    });
    ensure!(
        is_right,
        "the agent does not report the process that holds the zombies"
    );
    Ok(took)
}

/// The share of a CPU that the agent uses.
fn share_of_cpu(agent: &Agent, seconds: u64) -> Result<f64> {
    let before = cpu(agent.pid())?;
    let began = Instant::now();
    thread::sleep(Duration::from_secs(seconds));
    let used = cpu(agent.pid())?.saturating_sub(before);
    Ok(used.as_secs_f64() / began.elapsed().as_secs_f64())
}

impl Load {
    pub(crate) fn start(scenarios: &Path, kind: &str, count: u32) -> Result<Self> {
        let mut command = Command::new(scenarios);
        command
            .args(["load", kind, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let name = shell::display(&command);
        let mut program = command.spawn().with_context(|| format!("run `{name}`"))?;
        let mut line = String::new();
        let output = program.stdout.take().context("its output is piped")?;
        BufReader::new(output)
            .read_line(&mut line)
            .with_context(|| format!("read the output of `{name}`"))?;
        let parent = line.trim().parse();
        let parent = parent.with_context(|| format!("`{name}` failed"))?;
        Ok(Self { program, parent })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It exits when its input closes.
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}
