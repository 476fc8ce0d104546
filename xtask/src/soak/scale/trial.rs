//! One trial: an agent of its own, and what it shows and uses while the load is there.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::load::{Kind, Made};
use crate::agent::Agent;
use crate::quantile::quantile;
use crate::soak::books::Books;
use crate::soak::cage::Cage;
use crate::soak::log::Log;
use crate::stop::{check, until};
use crate::usage::{cpu, memory, status_bytes};

/// After its start, the agent is at rest.
const REST: Duration = Duration::from_secs(10);
/// How long the agent may take to count everything.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long CPU time is measured.
const WATCHED: Duration = Duration::from_secs(20);
/// When memory must be back.
const AFTERWARDS: Duration = Duration::from_secs(60);
const QUESTIONS: usize = 5;
/// What the loop logs about itself.
const TURNS: &str = "warn,reapwatch::engine::turns=debug";

/// A load, and whether the agent has only the memory of its manifest.
pub(super) struct Trial {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_limited: bool,
}

/// What was seen. Bytes are resident memory.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) rest_bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) after_bytes: u64,
    pub(super) exits_per_second: f64,
    pub(super) cpu_percent: f64,
    /// Until all zombies were listed, median.
    pub(super) list_ms: f64,
    /// The longest turn of the loop.
    pub(super) turn_ms: f64,
    /// The same, while it answers and nothing else happens.
    pub(super) answer_ms: f64,
    /// What another client waited for at most, meanwhile.
    pub(super) other_ms: f64,
    pub(super) lost: u64,
    /// What the view says that it does not list.
    pub(super) unlisted: u64,
    /// What is not exact.
    pub(super) faults: Vec<String>,
}

impl Trial {
    pub(super) fn run(&self, program: &Path, scenarios: &Path) -> Result<Seen> {
        let log = Log::new(TURNS)?;
        let cage = self.is_limited.then(Cage::new).transpose()?;
        let enter = cage.as_ref().map_or_else(|| "true".to_owned(), Cage::enter);
        let agent = Agent::start_with(&log.under(&enter), program, &["--listen", "none"])?;
        thread::sleep(REST);
        let mut seen = Seen {
            rest_bytes: memory(agent.pid())?[0],
            ..Seen::default()
        };
        forget_peak(&agent)?;
        let before = Books::read(&agent.get("/metrics")?)?;

        let began = Instant::now();
        let made = self.kind.make(scenarios)?;
        seen.exits_per_second = made.deaths as f64 / began.elapsed().as_secs_f64();
        seen.count(&agent, before, &made);
        seen.cpu_percent = cpu_percent(&agent)?;
        let quiet = log.len()?;
        seen.ask(&agent, self.kind, &made)?;
        seen.answer_ms = longest_turn(&log.text()?[quiet..]);
        drop(made);
        seen.end(&agent, self.kind, before)?;
        seen.turn_ms = longest_turn(&log.text()?);
        let kills = cage.as_ref().map(Cage::kills).transpose()?.unwrap_or(0);
        seen.expect(kills == 0, || "killed for lack of memory".to_owned());
        Ok(seen)
    }
}

impl Seen {
    fn expect(&mut self, is_so: bool, fault: impl FnOnce() -> String) {
        if !is_so {
            self.faults.push(fault());
        }
    }

    /// Waits until all deaths are counted and the books balance.
    fn count(&mut self, agent: &Agent, before: Books, made: &Made) {
        let mut now = before;
        let counted = until("the counts", PATIENCE, || {
            now = Books::read(&agent.get("/metrics")?)?;
            let is_grown = (now.exits - before.exits) as u64 >= made.deaths;
            Ok((is_grown && now.brought_forward() == before.brought_forward()).then_some(()))
        });
        self.expect(counted.is_ok(), || format!("counts: {before}; then {now}"));
    }

    /// Asks for everything, and compares it with what was made.
    fn ask(&mut self, agent: &Agent, kind: Kind, made: &Made) -> Result<()> {
        let is_over = AtomicBool::new(false);
        let mut took = Vec::new();
        thread::scope(|scope| {
            let other = scope.spawn(|| wait_of_another(agent, &is_over));
            let asked = (0..QUESTIONS).try_for_each(|_| {
                check()?;
                let began = Instant::now();
                let answer = agent.get("/api/v1/zombies")?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
                self.list(&answer, kind)
            });
            is_over.store(true, Ordering::Relaxed);
            self.other_ms = other.join().map_err(|_| anyhow!("the client panicked"))??;
            asked
        })?;
        took.sort_by(f64::total_cmp);
        self.list_ms = quantile(&took, 0.5);
        let top = json(agent, "/api/v1/top?limit=1000")?;
        let counted = top["items"][0]["summary"]["zombies"].as_u64();
        self.expect(counted >= Some(kind.zombies()), || {
            format!("top counts {counted:?}")
        });
        let culprits = json(agent, "/api/v1/culprits?limit=1000")?;
        let parents = made.parents();
        let items = culprits["items"].as_array().context("no culprits")?.iter();
        let ours = items.filter(|it| {
            it["process"]["pid"]
                .as_u64()
                .is_some_and(|it| parents.contains(&it))
        });
        let held: u64 = ours.filter_map(|it| it["zombies"].as_u64()).sum();
        self.expect(held == kind.zombies(), || format!("culprits hold {held}"));
        self.lost = culprits["lost_events"].as_u64().unwrap_or(0);
        Ok(())
    }

    /// An answer with all zombies: what it lists and what it leaves out make up the total.
    fn list(&mut self, answer: &str, kind: Kind) -> Result<()> {
        let document: Value = serde_json::from_str(answer).context("parse the zombies")?;
        let number = |name: &str| document[name].as_u64().unwrap_or(0);
        let listed = document["items"].as_array().map_or(0, Vec::len) as u64;
        self.unlisted = number("unlisted_zombies");
        let all = listed + self.unlisted;
        self.expect(all >= kind.zombies(), || format!("{all} listed or counted"));
        Ok(())
    }

    /// Waits until nothing is left, and a minute longer.
    fn end(&mut self, agent: &Agent, kind: Kind, before: Books) -> Result<()> {
        let mut now = before;
        let gone = until("the end", PATIENCE, || {
            now = Books::read(&agent.get("/metrics")?)?;
            let is_gone = now.zombies <= before.zombies + kind.zombies() as i64 / 10;
            Ok((is_gone && now.brought_forward() == before.brought_forward()).then_some(()))
        });
        self.expect(gone.is_ok(), || format!("afterwards: {before}; then {now}"));
        self.peak_bytes = status_bytes(agent.pid(), "VmHWM:")?;
        let deadline = Instant::now() + AFTERWARDS;
        while Instant::now() < deadline {
            check()?;
            thread::sleep(Duration::from_secs(1));
        }
        self.after_bytes = memory(agent.pid())?[0];
        Ok(())
    }
}

fn json(agent: &Agent, path: &str) -> Result<Value> {
    serde_json::from_str(&agent.get(path)?).with_context(|| format!("parse {path}"))
}

/// The peak of its memory begins anew.
fn forget_peak(agent: &Agent) -> Result<()> {
    fs::write(format!("/proc/{}/clear_refs", agent.pid()), "5").context("reset the peak of memory")
}

fn cpu_percent(agent: &Agent) -> Result<f64> {
    let (before, began) = (cpu(agent.pid())?, Instant::now());
    thread::sleep(WATCHED);
    let used = cpu(agent.pid())?.saturating_sub(before);
    Ok(used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0)
}

/// The longest that a small question takes.
fn wait_of_another(agent: &Agent, is_over: &AtomicBool) -> Result<f64> {
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        agent.get("/readyz")?;
        longest = longest.max(began.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(longest.as_secs_f64() * 1e3)
}

/// In milliseconds.
fn longest_turn(log: &str) -> f64 {
    let turns = log.lines().filter_map(|line| {
        let (_, turn) = line.split_once("a turn of the loop took ")?;
        turn.strip_suffix(" ms")?.parse().ok()
    });
    turns.fold(0.0, f64::max)
}
