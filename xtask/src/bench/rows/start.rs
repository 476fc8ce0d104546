//! From the start of the agent to its first `200` on /readyz.

use anyhow::Result;

use super::Rows;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;

pub(super) const ROWS: Rows = Rows {
    name: "start",
    measure,
};

const STARTS: u32 = 3;

static START: Row = Row {
    id: "start",
    title: "start to /readyz",
    unit: Unit::Milliseconds,
    goal: Some(150.0),
    tolerance: 0.2,
    slack: 10.0,
};

fn measure(stage: &Stage, _: usize, sheet: &mut Sheet) -> Result<()> {
    for _ in 0..STARTS {
        let agent = stage.start_agent()?;
        sheet.add(&START, Who::Agent, agent.started_in().as_secs_f64() * 1e3);
    }
    Ok(())
}
