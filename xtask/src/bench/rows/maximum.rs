//! As many exits as the machine can make: CPU time in user space, and whether each was counted.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};

use super::Rows;
use crate::agent::Agent;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;
use crate::bench::subject::Subject;
use crate::host;
use crate::metrics_page::metric;
use crate::usage::cpu;

pub(super) const ROWS: Rows = Rows {
    name: "maximum",
    measure,
};

/// For each CPU.
const EXITS: u32 = 30_000;
const DRAIN: Duration = Duration::from_millis(500);

static RATE: Row = Row {
    id: "maximum_rate",
    title: "exits at the maximum",
    unit: Unit::PerSecond,
    goal: None,
    tolerance: f64::INFINITY,
    slack: 0.0,
};
static CPU: Row = Row {
    id: "maximum_cpu",
    title: "CPU at the maximum",
    unit: Unit::Percent,
    goal: Some(1.0),
    tolerance: 0.25,
    slack: 0.2,
};
static LOST: Row = exact("maximum_lost", "events lost at the maximum");
static MISCOUNTED: Row = exact("maximum_miscounted", "exits counted wrong at the maximum");

const fn exact(id: &'static str, title: &'static str) -> Row {
    Row {
        id,
        title,
        unit: Unit::Count,
        goal: Some(0.0),
        tolerance: 0.0,
        slack: 0.0,
    }
}

fn measure(stage: &Stage, round: usize, sheet: &mut Sheet) -> Result<()> {
    for who in stage.order(round, &[Who::Agent, Who::Exitsnoop, Who::Machine]) {
        let subject = stage.start(who)?;
        let used = || subject.pid().map(cpu).transpose();
        let before = used()?;
        let began = Instant::now();
        let made = flood(stage)?;
        let took = began.elapsed().as_secs_f64();
        thread::sleep(DRAIN);
        sheet.add(&RATE, who, f64::from(made) / took);
        if let (Some(before), Some(after)) = (before, used()?) {
            let used = after.saturating_sub(before).as_secs_f64();
            sheet.add(&CPU, who, used / took * 100.0);
        }
        if let Subject::Agent(agent) = &subject {
            let (counted, lost) = counted(agent, stage.workloads(host::cpus()))?;
            sheet.add(&LOST, who, lost);
            // Each load is a process of its workload too.
            let truth = f64::from(made) + host::cpus() as f64;
            sheet.add(&MISCOUNTED, who, (counted - truth).abs());
        }
    }
    Ok(())
}

/// Makes exits on each CPU, in workloads of their own. Returns how many.
fn flood(stage: &Stage) -> Result<u32> {
    let mut loads = Vec::new();
    for cgroup in stage.workloads(host::cpus()) {
        let load = stage.exits("vfork", stage.scaled(EXITS)).prepare()?;
        fs::write(cgroup.join("cgroup.procs"), load.pid().to_string())
            .with_context(|| format!("move a process into {}", cgroup.display()))?;
        loads.push(load);
    }
    for load in &mut loads {
        load.begin();
    }
    let mut made = 0;
    for load in loads {
        made += load.end()?.count;
    }
    Ok(made)
}

/// The exits that the agent has counted in our workloads, and the events that it has lost.
fn counted(agent: &Agent, workloads: &[PathBuf]) -> Result<(f64, f64)> {
    let page = agent.get("/metrics")?;
    let units = workloads.iter().filter_map(|it| it.file_name()?.to_str());
    let exits = units.filter_map(|unit| metric(&page, "reapwatch_exits_total", &[("unit", unit)]));
    let lost = metric(&page, "reapwatch_events_lost_total", &[]);
    Ok((exits.sum(), lost.unwrap_or(0.0)))
}
