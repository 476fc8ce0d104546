//! Every panel in real life: an agent that watches real deaths, a Prometheus that scrapes it.

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{ask, queries};
use crate::agent::Agent;
use crate::prometheus::server::{Prometheus, free_address};
use crate::{prometheus, shell, statics, workspace};

/// How long a panel may take to have data.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Parents that do not reap, until their input closes.
const CULPRITS: [&str; 3] = ["never_waits", "stopped", "sigchld_blocked"];

/// Deaths of each kind, repeated.
const DEATHS: [&str; 8] = [
    "reaped_0ms",
    "reaped_1ms",
    "reaped_10ms",
    "reaped_100ms",
    "exit_group_threads",
    "killed_sigkill",
    "killed_sigterm",
    "aborted",
];

/// `cargo xtask dashboards --live`: the unit tests of the rules, then every panel.
pub(super) fn main() -> Result<ExitCode> {
    check_rules()?;
    let programs = statics::build_for_tests()?;
    let load = Load::start(programs.scenarios)?;
    let address = free_address()?;
    let _agent = Agent::start_at(&programs.reapwatch, &address.to_string())?;
    let rules = rules();
    let rules: Vec<_> = rules.iter().map(PathBuf::as_path).collect();
    let prometheus = Prometheus::start(address, &rules)?;
    queries::check(&prometheus)?;
    let empty = wait_for_data(&prometheus, &load)?;
    ensure!(empty.is_empty(), "no data in: {}", empty.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The rule files.
fn rules() -> Vec<PathBuf> {
    ["recording", "alerts"]
        .map(|name| workspace::root().join(format!("dashboards/rules/{name}.yaml")))
        .into()
}

fn check_rules() -> Result<()> {
    let promtool = prometheus::folder()
        .with_context(|| format!("missing: {}", prometheus::WANTED))?
        .join("promtool");
    let mut check = Command::new(&promtool);
    check.args(["check", "rules", "--lint=all", "--lint-fatal"]);
    shell::run(check.args(rules()))?;
    let tests = workspace::root().join("dashboards/rules/tests");
    let mut files = std::fs::read_dir(&tests)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    shell::run(Command::new(promtool).args(["test", "rules"]).args(files))
}

/// Waits until every panel has data and prints the panels; returns those that had none in time.
fn wait_for_data(prometheus: &Prometheus, load: &Load) -> Result<Vec<String>> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        load.add_deaths()?;
        let panels = ask::answered(prometheus)?;
        let all = panels.iter().all(|panel| panel.has_data);
        if !all && Instant::now() < deadline {
            continue;
        }
        for panel in &panels {
            println!("{panel}");
        }
        let empty = panels.iter().filter(|panel| !panel.has_data);
        return Ok(empty
            .map(|panel| format!("{}: {}", panel.dashboard, panel.panel))
            .collect());
    }
}

/// Processes that die, and parents that do not reap.
struct Load {
    program: PathBuf,
    culprits: Vec<Child>,
}

impl Load {
    fn start(program: PathBuf) -> Result<Self> {
        let culprits = CULPRITS.map(|name| {
            Command::new(&program)
                .args(["culprit", name])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .with_context(|| format!("start the culprit {name}"))
        });
        Ok(Self {
            culprits: culprits.into_iter().collect::<Result<_>>()?,
            program,
        })
    }

    /// Makes one death of each kind, then waits for a second.
    fn add_deaths(&self) -> Result<()> {
        let mut deaths = Command::new(&self.program);
        deaths.arg("run").args(DEATHS).stdout(Stdio::null());
        shell::run(&mut deaths)?;
        thread::sleep(Duration::from_secs(1));
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for culprit in &mut self.culprits {
            // They end when their input closes.
            drop(culprit.stdin.take());
            let _ = culprit.wait();
        }
    }
}
