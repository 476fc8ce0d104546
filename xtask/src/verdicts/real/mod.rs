//! Compares verdicts on real programs with the truth. Two agents are asked: one was running before
//! the programs started, the other starts when their children are already zombies.

mod case;
mod group;
mod judge;
mod needs;
mod procs;
mod running;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::case::{Case, Expectation, Place};
use self::judge::{Answer, When};
pub(crate) use self::needs::{VENV, install_venv, missing_packages, venv_is_whole};
use self::procs::Cast;
use self::running::RunningCase;
use self::table::{AgentResult, Row};
use crate::agent::Agent;
use crate::cli::Verdicts;
use crate::{host, statics};

/// How many cases run side by side.
const TOGETHER: usize = 18;

/// How long a program may take until its truth holds.
const READY: Duration = Duration::from_secs(45);

/// How long after that the second agent starts, so that the zombies are old.
const LATER: Duration = Duration::from_secs(3);

/// How long an answer may take to become right.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long both agents must not accuse a healthy program.
const WATCHED: Duration = Duration::from_secs(6);

/// `cargo xtask verdicts --real --list`.
pub(super) fn list() -> Result<ExitCode> {
    for case in case::all()? {
        let quick = if case.sheet.quick { "quick" } else { "" };
        let needs = case.sheet.needs.join(" ");
        println!("{:28} {quick:6} {:60} {needs}", case.name, case.sheet.about);
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask verdicts --real`.
pub(super) fn main(names: &[String], options: &Verdicts) -> Result<ExitCode> {
    if let Some(lack) = host::no_probes() {
        bail!("cannot ask for verdicts: {lack}");
    }
    let cases = case::chosen(names, options.quick)?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => statics::build_for_tests()?.reapwatch,
    };
    group::remove_leftovers()?;
    let mut report = table::Report::default();
    let mut able = Vec::new();
    for case in &cases {
        match needs::lack(case) {
            Some(lack) => report.not_run.push((case.name.clone(), lack)),
            None => able.push(case),
        }
    }
    let batches = batches(able);
    for (index, batch) in batches.iter().enumerate() {
        let names: Vec<_> = batch.iter().map(|case| case.name.as_str()).collect();
        let names = names.join(" ");
        eprintln!("real: {} of {}: {names}", index + 1, batches.len());
        let began = Instant::now();
        ask_about(batch, &program, &mut report)?;
        eprintln!("real: {:.0} s", began.elapsed().as_secs_f64());
    }
    println!("\n{}\n{}", host::describe(), report.render());
    Ok(ExitCode::from(report.code()))
}

/// The cases that run side by side. A case that runs its agents under another command is alone.
fn batches(cases: Vec<&Case>) -> Vec<Vec<&Case>> {
    let plain = |case: &&Case| case.sheet.agents_under.is_empty();
    let (together, alone): (Vec<_>, Vec<_>) = cases.into_iter().partition(plain);
    let mut batches: Vec<Vec<_>> = together.chunks(TOGETHER).map(<[_]>::to_vec).collect();
    batches.extend(alone.into_iter().map(|case| vec![case]));
    batches
}

/// Runs a batch of cases and asks both agents about each.
fn ask_about(cases: &[&Case], program: &Path, report: &mut table::Report) -> Result<()> {
    let mut stages = Vec::new();
    for case in cases {
        match RunningCase::build(case) {
            Ok(stage) => stages.push(stage),
            Err(error) => report
                .never_true
                .push((case.name.clone(), format!("{error:#}"))),
        }
    }
    let under = cases
        .first()
        .map_or(&[][..], |case| &case.sheet.agents_under);
    let before = Agent::start_under(under, program)?;
    for stage in &mut stages {
        stage.start()?;
    }
    let mut ready = wait_until_true(stages, report);
    thread::sleep(LATER);
    let after = Agent::start_under(under, program)?;
    let began = Instant::now();
    let mut asked: Vec<Asked> = ready
        .iter()
        .flat_map(|stage| Asked::of(stage.case))
        .collect();
    while began.elapsed() < PATIENCE {
        let documents = [Documents::of(&before)?, Documents::of(&after)?];
        for stage in &mut ready {
            let cast = stage.cast();
            for asked in asked
                .iter_mut()
                .filter(|asked| asked.case.name == stage.case.name)
            {
                match cast.get(&asked.expected.of) {
                    Some(pid) => asked.ask(*pid, &cast, &documents)?,
                    None => asked.lost = Some(stage.describe()),
                }
            }
        }
        if asked.iter().all(|asked| asked.is_done(began)) {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    report.rows.extend(asked.into_iter().map(Asked::row));
    Ok(())
}

/// Waits until the truth of each case holds, and reports those where it never does.
fn wait_until_true<'a>(
    mut stages: Vec<RunningCase<'a>>,
    report: &mut table::Report,
) -> Vec<RunningCase<'a>> {
    let deadline = Instant::now() + READY;
    let mut ready = Vec::new();
    while !stages.is_empty() {
        let mut waiting = Vec::new();
        for mut stage in stages {
            if stage.is_true() {
                ready.push(stage);
            } else if Instant::now() < deadline {
                waiting.push(stage);
            } else {
                let why = stage.describe();
                eprintln!(
                    "real: {}: the expected state was never reached: {why}",
                    stage.case.name
                );
                report.never_true.push((stage.case.name.clone(), why));
            }
        }
        stages = waiting;
        thread::sleep(Duration::from_millis(100));
    }
    ready
}

/// The answers of an agent at one moment.
struct Documents<'a> {
    agent: &'a Agent,
    culprits: Vec<Value>,
    stuck: Vec<Value>,
}

impl<'a> Documents<'a> {
    fn of(agent: &'a Agent) -> Result<Self> {
        let items = |list: &str| -> Result<Vec<Value>> {
            let text = agent.get(&format!("/api/v1/{list}"))?;
            let mut document: Value = serde_json::from_str(&text).context("parse an answer")?;
            match document["items"].take() {
                Value::Array(items) => Ok(items),
                _ => bail!("{list} has no items"),
            }
        };
        Ok(Self {
            agent,
            culprits: items("culprits")?,
            stuck: items("stuck")?,
        })
    }

    fn answer(&self, place: Place, pid: u32) -> Result<Answer> {
        let culprit = |item: &&Value| item.pointer("/process/pid") == Some(&pid.into());
        let stuck = |item: &&Value| item.pointer("/pid") == Some(&pid.into());
        let found = match place {
            Place::Culprits => self.culprits.iter().find(culprit).cloned(),
            Place::Stuck => self.stuck.iter().find(stuck).cloned(),
            Place::Nowhere => {
                let held = self.culprits.iter().find(culprit);
                held.or(self.stuck.iter().find(stuck)).cloned()
            }
            Place::Explain => {
                let text = self.agent.get(&format!("/api/v1/explain/{pid}"))?;
                Some(serde_json::from_str(&text).context("parse an explanation")?)
            }
        };
        Ok(found.map_or_else(Answer::default, Answer::of))
    }
}

/// An expectation and the last answers.
struct Asked<'a> {
    case: &'a Case,
    expected: &'a Expectation,
    before: AgentResult,
    after: AgentResult,
    /// Why its process is not found any more, if so.
    lost: Option<String>,
}

impl<'a> Asked<'a> {
    fn of(case: &'a Case) -> impl Iterator<Item = Self> {
        case.sheet.expect.iter().map(move |expected| Self {
            case,
            expected,
            before: AgentResult::default(),
            after: AgentResult::default(),
            lost: None,
        })
    }

    fn ask(&mut self, pid: u32, cast: &Cast, documents: &[Documents<'_>; 2]) -> Result<()> {
        let [before, after] = documents;
        let expected = self.expected;
        let first = before.answer(expected.place, pid)?;
        let second = after.answer(expected.place, pid)?;
        self.lost = None;
        self.before
            .record(expected, cast, first.clone(), When::Before);
        if !expected.only_before {
            self.after
                .record(expected, cast, second, When::After(&first));
        }
        Ok(())
    }

    fn is_done(&self, began: Instant) -> bool {
        let watched = self.expected.place != Place::Nowhere || began.elapsed() >= WATCHED;
        let later = self.expected.only_before || self.after.is_right();
        watched && self.lost.is_none() && self.before.is_right() && later
    }

    fn row(self) -> Row {
        let mut before = self.before;
        before.faults.extend(self.lost);
        Row {
            case: self.case.name.clone(),
            of: self.expected.of.clone(),
            truth: table::truth(self.expected),
            story: self.case.sheet.truth.clone(),
            before,
            after: (!self.expected.only_before).then_some(self.after),
        }
    }
}
