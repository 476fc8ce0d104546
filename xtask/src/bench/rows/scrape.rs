//! What a scrape costs with many workloads, of which few have changed since the last one.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Rows;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;
use crate::usage::cpu;

pub(super) const ROWS: Rows = Rows {
    name: "scrape",
    measure,
};

const SCRAPES: u32 = 20;
/// After this time all exits are counted.
const DRAIN: Duration = Duration::from_millis(700);

static CPU: Row = Row {
    id: "scrape_cpu",
    title: "scrape with 258 workloads, CPU",
    unit: Unit::Milliseconds,
    goal: Some(2.0),
    tolerance: 0.2,
    slack: 0.2,
};
static SIZE: Row = Row {
    id: "scrape_size",
    title: "scrape with 258 workloads, size",
    unit: Unit::Kilobytes,
    goal: None,
    tolerance: 0.1,
    slack: 1.0,
};

fn measure(stage: &Stage, _: usize, sheet: &mut Sheet) -> Result<()> {
    let agent = stage.start_agent()?;
    stage.one_in_each_workload()?;
    thread::sleep(DRAIN);
    let page = agent.get("/metrics")?;
    ensure!(
        page.matches("reapwatch-bench-").count() > 250,
        "the metrics do not have the workloads of the load"
    );
    let before = cpu(agent.pid())?;
    for _ in 0..SCRAPES {
        agent.get("/metrics")?;
    }
    let used = cpu(agent.pid())?.saturating_sub(before) / SCRAPES;
    sheet.add(&CPU, Who::Agent, used.as_secs_f64() * 1e3);
    sheet.add(&SIZE, Who::Agent, page.len() as f64 / 1e3);
    Ok(())
}
