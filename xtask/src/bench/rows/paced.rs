//! CPU time in user space for each exit, at a rate that leaves the machine time.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Rows;
use crate::agent::Agent;
use crate::bench::load::Load;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;
use crate::usage::cpu;

pub(super) const ROWS: Rows = Rows {
    name: "paced",
    measure,
};

const RATE: u32 = 10_000;
const MANY: usize = 258;
/// After this time the workloads of all exits are known.
const SETTLE: Duration = Duration::from_secs(1);
/// After this time all exits are handled.
const DRAIN: Duration = Duration::from_millis(300);

static ONE: Row = row("cpu_one_workload", "CPU for an exit, 1 workload", 0.25);
static MANY_WORKLOADS: Row = row("cpu_258_workloads", "CPU for an exit, 258 workloads", 0.25);
static FOLLOWED: Row = row("cpu_follower", "CPU for an exit, with a follower", 1.5);
static CLIENT: Row = Row {
    goal: None,
    ..row("cpu_client", "CPU of that follower", 0.0)
};

const fn row(id: &'static str, title: &'static str, goal: f64) -> Row {
    Row {
        id,
        title,
        unit: Unit::Microseconds,
        goal: Some(goal),
        tolerance: 0.2,
        slack: 0.05,
    }
}

fn measure(stage: &Stage, round: usize, sheet: &mut Sheet) -> Result<()> {
    let seconds = stage.scaled(2);
    for who in stage.order(round, &[Who::Agent, Who::Exitsnoop]) {
        let subject = stage.start(who)?;
        let pid = subject.pid().context("it has no process")?;
        sheet.add(
            &ONE,
            who,
            for_an_exit(&stage.paced(RATE, seconds, 1), [pid])?[0],
        );
    }
    let agent = stage.start_agent()?;
    let many = stage.paced(RATE, seconds, MANY);
    sheet.add(
        &MANY_WORKLOADS,
        Who::Agent,
        for_an_exit(&many, [agent.pid()])?[0],
    );
    let follower = Follower::start(&agent)?;
    let pids = [agent.pid(), follower.0.id()];
    let [in_agent, in_client] = for_an_exit(&stage.paced(RATE, seconds, 1), pids)?;
    sheet.add(&FOLLOWED, Who::Agent, in_agent);
    sheet.add(&CLIENT, Who::Agent, in_client);
    Ok(())
}

/// Microseconds of CPU time that each process uses for an exit, once it knows all workloads.
fn for_an_exit<const N: usize>(load: &Load<'_>, pids: [u32; N]) -> Result<[f64; N]> {
    let first = Load {
        count: RATE / 10,
        ..*load
    };
    first.run()?;
    thread::sleep(SETTLE);
    let ready = load.prepare()?;
    let used = || -> Result<Vec<Duration>> { pids.into_iter().map(cpu).collect() };
    let before = used()?;
    let made = ready.run()?;
    thread::sleep(DRAIN);
    let after = used()?;
    Ok(std::array::from_fn(|index| {
        let used = after[index].saturating_sub(before[index]);
        used.as_secs_f64() * 1e6 / f64::from(made.count)
    }))
}

/// `reapwatch exits`, stopped on drop.
struct Follower(Child);

impl Follower {
    fn start(agent: &Agent) -> Result<Self> {
        let mut command = agent.ask(&["exits", "--json"]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let follower = Self(process.context("run `reapwatch exits`")?);
        thread::sleep(DRAIN);
        Ok(follower)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
