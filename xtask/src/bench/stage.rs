//! What all measurements share: programs, cgroups, and how much is measured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::exitsnoop::{self, Exitsnoop};
use super::load::{Load, Made};
use super::sheet::Who;
use super::subject::Subject;
use crate::agent::Agent;
use crate::cli::Bench;
use crate::{cgroup, run};

/// More than the agent gives series of their own.
const WORKLOADS: usize = 258;

pub(super) struct Stage {
    agent: PathBuf,
    scenarios: PathBuf,
    exitsnoop: Option<PathBuf>,
    cgroups: Cgroups,
    pub(super) quick: bool,
    rounds: usize,
    /// What cannot be measured here, and why.
    pub(super) missing: Vec<String>,
}

/// Cgroups (v2), removed on drop.
struct Cgroups(Vec<PathBuf>);

impl Stage {
    pub(super) fn build(options: &Bench) -> Result<Self> {
        let agent = match &options.program {
            Some(program) => program.clone(),
            None => run::build_agent()?,
        };
        let scenarios = run::build_release("scenarios")?;
        let exitsnoop = exitsnoop::find();
        let missing = exitsnoop.as_ref().err().map(ToString::to_string);
        let rounds = options.rounds.unwrap_or(if options.quick { 3 } else { 9 });
        Ok(Self {
            agent,
            scenarios,
            exitsnoop: exitsnoop.ok(),
            cgroups: Cgroups::make(WORKLOADS)?,
            quick: options.quick,
            rounds,
            missing: missing.into_iter().collect(),
        })
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds
    }

    /// A smaller number for a quick run.
    pub(super) fn scaled(&self, count: u32) -> u32 {
        if self.quick { count / 2 } else { count }
    }

    pub(super) fn start_agent(&self) -> Result<Agent> {
        Agent::start(&self.agent)
    }

    /// The subjects that there are here, in an order that changes with the round.
    pub(super) fn order(&self, round: usize, of: &[Who]) -> Vec<Who> {
        let there = |who: &&Who| **who != Who::Exitsnoop || self.exitsnoop.is_some();
        let mut order: Vec<_> = of.iter().filter(there).copied().collect();
        let turns = round % order.len().max(1);
        order.rotate_left(turns);
        order
    }

    pub(super) fn start(&self, who: Who) -> Result<Subject> {
        match who {
            Who::Agent => self.start_agent().map(Subject::Agent),
            Who::Exitsnoop => {
                let program = self.exitsnoop.as_deref().context("there is no exitsnoop")?;
                Exitsnoop::start(program).map(Subject::Exitsnoop)
            }
            Who::Reference => Subject::attach_reference(),
            Who::Machine => Ok(Subject::Machine),
        }
    }

    /// Exits of this kind, as fast as possible, in the cgroup of this process.
    pub(super) fn exits(&self, kind: &'static str, count: u32) -> Load<'_> {
        Load {
            program: &self.scenarios,
            kind,
            count,
            rate: None,
            cgroups: &[],
        }
    }

    /// Exits at this rate, in so many workloads.
    pub(super) fn paced(&self, rate: u32, seconds: u32, workloads: usize) -> Load<'_> {
        Load {
            rate: Some(rate),
            cgroups: self.workloads(workloads),
            ..self.exits("vfork", rate * seconds)
        }
    }

    /// One exit in each of many workloads.
    pub(super) fn one_in_each_workload(&self) -> Result<Made> {
        let load = Load {
            cgroups: self.workloads(WORKLOADS),
            ..self.exits("vfork", WORKLOADS as u32)
        };
        load.run()
    }

    /// The first `count` cgroups.
    pub(super) fn workloads(&self, count: usize) -> &[PathBuf] {
        &self.cgroups.0[..count]
    }
}

impl Cgroups {
    fn make(count: usize) -> Result<Self> {
        let top = cgroup::mounted()?.join("reapwatch-bench.slice");
        let name = |index| top.join(format!("reapwatch-bench-{index}.service"));
        let paths: Vec<_> = (0..count).map(name).collect();
        for path in &paths {
            fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
        }
        Ok(Self(paths))
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        let parent = self.0.first().and_then(|path| path.parent());
        for path in self.0.iter().map(PathBuf::as_path).chain(parent) {
            remove(path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir(path) {
        eprintln!("xtask: cannot remove {}: {error}", path.display());
    }
}
