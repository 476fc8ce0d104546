//! How much slower everything becomes: whole cycles of vfork, exit and wait, and other system calls.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use nix::unistd::getppid;

use super::Rows;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;

pub(super) const ROWS: Rows = Rows {
    name: "overhead",
    measure,
};

const SUBJECTS: [Who; 3] = [Who::Agent, Who::Exitsnoop, Who::Reference];
const CYCLES: u32 = 8_000;
/// A single one is too short to be timed.
const CALLS: u32 = 400_000;

static CYCLE: Row = Row {
    id: "vfork_loop",
    title: "vfork, exit, wait",
    unit: Unit::Ratio,
    goal: Some(1.04),
    tolerance: 0.03,
    slack: 0.0,
};
static CYCLE_TIME: Row = Row {
    id: "vfork_loop_us",
    title: "the same",
    unit: Unit::Microseconds,
    goal: None,
    tolerance: 0.2,
    slack: 0.0,
};
static CALL: Row = Row {
    id: "getppid",
    title: "getppid",
    unit: Unit::Ratio,
    goal: Some(1.10),
    tolerance: 0.05,
    slack: 0.0,
};
static CALL_TIME: Row = Row {
    id: "getppid_ns",
    title: "the same",
    unit: Unit::Nanoseconds,
    goal: None,
    tolerance: 0.2,
    slack: 0.0,
};

fn measure(stage: &Stage, round: usize, sheet: &mut Sheet) -> Result<()> {
    for who in stage.order(round, &SUBJECTS) {
        // Without it before and after, so that a drift of the machine cancels out.
        let before = times(stage)?;
        let subject = stage.start(who)?;
        let with = times(stage)?;
        drop(subject);
        let after = times(stage)?;
        let rows = [(&CYCLE, &CYCLE_TIME, 1e6), (&CALL, &CALL_TIME, 1e9)];
        for (index, (ratio, time, unit)) in rows.into_iter().enumerate() {
            let without = f64::midpoint(before[index], after[index]);
            sheet.add(ratio, who, with[index] / without);
            sheet.add(time, who, with[index] * unit);
            sheet.add(time, Who::Machine, without * unit);
        }
    }
    Ok(())
}

/// Seconds per cycle and per getppid.
fn times(stage: &Stage) -> Result<[f64; 2]> {
    let made = stage.exits("vfork", stage.scaled(CYCLES)).run()?;
    let calls = stage.scaled(CALLS);
    let began = Instant::now();
    for _ in 0..calls {
        black_box(getppid());
    }
    let call = began.elapsed().as_secs_f64() / f64::from(calls);
    Ok([made.seconds / f64::from(made.count), call])
}
