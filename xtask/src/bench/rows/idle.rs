//! The agent at rest, while nothing of ours happens.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Rows;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;
use crate::usage::{cpu, memory, sleeps};

pub(super) const ROWS: Rows = Rows {
    name: "idle",
    measure,
};

/// After this time the start is over.
const SETTLE: Duration = Duration::from_secs(2);
const SECONDS: u32 = 6;

static RESIDENT: Row = memory_row("memory_rss", "memory at rest, RSS", 12.0);
static PROPORTIONAL: Row = memory_row("memory_pss", "memory at rest, PSS", 7.0);
static CPU: Row = Row {
    id: "idle_cpu",
    title: "idle, CPU",
    unit: Unit::Percent,
    goal: Some(0.04),
    tolerance: 0.25,
    slack: 0.02,
};
static WAKE_UPS: Row = Row {
    id: "idle_wakeups",
    title: "idle, wake-ups",
    unit: Unit::PerSecond,
    goal: Some(3.0),
    tolerance: 0.1,
    slack: 1.0,
};

const fn memory_row(id: &'static str, title: &'static str, goal: f64) -> Row {
    Row {
        id,
        title,
        unit: Unit::Megabytes,
        goal: Some(goal),
        tolerance: 0.05,
        slack: 0.5,
    }
}

fn measure(stage: &Stage, round: usize, sheet: &mut Sheet) -> Result<()> {
    for who in stage.order(round, &[Who::Agent, Who::Exitsnoop]) {
        let subject = stage.start(who)?;
        let pid = subject.pid().context("it has no process")?;
        thread::sleep(SETTLE);
        let (cpu_before, sleeps_before) = (cpu(pid)?, sleeps(pid)?);
        let began = Instant::now();
        thread::sleep(Duration::from_secs(stage.scaled(SECONDS).into()));
        let used = cpu(pid)?.saturating_sub(cpu_before).as_secs_f64();
        let woken = sleeps(pid)?.saturating_sub(sleeps_before);
        let seconds = began.elapsed().as_secs_f64();
        let [resident, proportional] = memory(pid)?;
        sheet.add(&RESIDENT, who, resident as f64 / 1e6);
        sheet.add(&PROPORTIONAL, who, proportional as f64 / 1e6);
        sheet.add(&CPU, who, used / seconds * 100.0);
        sheet.add(&WAKE_UPS, who, woken as f64 / seconds);
    }
    Ok(())
}
