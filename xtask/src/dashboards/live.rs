//! Every panel in real life: an agent that watches real deaths, a Prometheus that scrapes it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{ask, picture};
use crate::agent::Agent;
use crate::prometheus::server::{Prometheus, free_address};
use crate::{prometheus, shell, statics, workspace};

/// After this a panel without data has none.
const LONG: Duration = Duration::from_secs(120);

/// Parents that do not reap, for as long as they are kept.
const CULPRITS: [&str; 3] = ["never_waits", "stopped", "sigchld_blocked"];

/// Deaths of each kind, again and again.
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

/// `cargo xtask dashboards --live`: the rules' own tests, then every panel; with a folder and a
/// time, pictures of the panels after that time.
pub(super) fn main(pictures: Option<(&Path, Duration)>) -> Result<ExitCode> {
    check_rules()?;
    let programs = statics::build_for_tests()?;
    let life = Life::start(programs.scenarios)?;
    let address = free_address()?;
    let _agent = Agent::start_at(&programs.reapwatch, &address.to_string())?;
    let rules = rules();
    let rules: Vec<_> = rules.iter().map(PathBuf::as_path).collect();
    let prometheus = Prometheus::start(address, &rules)?;
    let empty = wait_for_data(&prometheus, &life)?;
    if let Some((folder, time)) = pictures {
        let until = Instant::now() + time;
        while Instant::now() < until {
            life.go_on()?;
        }
        picture::draw_all(&prometheus, time, folder)?;
    }
    if empty.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("no data in: {}", empty.join(", "))
}

/// The files of rules.
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

/// Prints each panel once it has data; those that never had any.
fn wait_for_data(prometheus: &Prometheus, life: &Life) -> Result<Vec<String>> {
    let deadline = Instant::now() + LONG;
    loop {
        life.go_on()?;
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

/// Processes that die, and some that do not reap.
struct Life {
    program: PathBuf,
    culprits: Vec<Child>,
}

impl Life {
    fn start(program: PathBuf) -> Result<Self> {
        let culprits = CULPRITS.map(|name| {
            Command::new(&program)
                .args(["culprit", name])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .with_context(|| format!("make the culprit {name}"))
        });
        Ok(Self {
            culprits: culprits.into_iter().collect::<Result<_>>()?,
            program,
        })
    }

    /// Some more deaths, and a second.
    fn go_on(&self) -> Result<()> {
        let mut deaths = Command::new(&self.program);
        deaths.arg("run").args(DEATHS).stdout(Stdio::null());
        shell::run(&mut deaths)?;
        thread::sleep(Duration::from_secs(1));
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for culprit in &mut self.culprits {
            // Their end is that their input closes.
            drop(culprit.stdin.take());
            let _ = culprit.wait();
        }
    }
}
