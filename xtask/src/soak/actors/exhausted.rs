//! The agent has no descriptor left, and is asked and sees deaths all the same.

use std::fs;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::agent::Agent;
use crate::soak::stage::{SOON, Stage};
use crate::stop::until;

/// Descriptors that it has left when its limit is set.
const LEFT: usize = 16;
/// Below the number of seats, so that no connection makes room for another.
const CONNECTIONS: usize = 48;
const LOGGED: &str = "cannot accept Unix connections";

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let logged = stage.log.count(LOGGED)?;
    let limited = Limited::below(&stage.agent, LEFT)?;
    let idle: Result<Vec<_>> = (0..CONNECTIONS).map(|_| stage.agent.connect()).collect();
    let idle = idle?;
    until("the agent to use all its descriptors", SOON, || {
        Ok(limited.is_used_up(&stage.agent)?.then_some(()))
    })?;
    let leak = stage.leak(200)?;
    stage.cycles(5_000)?;
    drop((idle, limited));
    stage.expect_held(&leak, 200)?;
    drop(leak);
    let times = stage.log.count(LOGGED)?;
    // Not again within a minute.
    ensure!(
        times > 0 && times <= logged + 1,
        "logged {times} times: {LOGGED}"
    );
    Ok(5_201)
}

/// A lower limit of the agent's descriptors, until dropped.
struct Limited {
    agent: Pid,
    limit: u64,
    before: Rlimit,
}

impl Limited {
    /// Leaves it so many more than it has.
    fn below(agent: &Agent, left: usize) -> Result<Self> {
        let pid = Pid::from_raw(agent.pid() as i32).context("the agent has no PID")?;
        let open = agent.descriptors()?;
        let mut free = (0..).filter(|number| !open.contains(number));
        let limit = free.nth(left).context("no number is free")?;
        // Only the soft limit can be raised again without privileges.
        let lower = Rlimit {
            current: Some(limit),
            maximum: Some(hard_limit(agent)?),
        };
        let before = prlimit(Some(pid), Resource::Nofile, lower);
        Ok(Self {
            agent: pid,
            limit,
            before: before.context("limit the agent's descriptors")?,
        })
    }

    fn is_used_up(&self, agent: &Agent) -> Result<bool> {
        let open = agent.descriptors()?.into_iter();
        let open = open.filter(|&number| number < self.limit).count();
        Ok(open as u64 == self.limit)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        if let Err(error) = prlimit(Some(self.agent), Resource::Nofile, self.before) {
            eprintln!("xtask: cannot restore the limit of the agent's descriptors: {error}");
        }
    }
}

fn hard_limit(agent: &Agent) -> Result<u64> {
    let path = format!("/proc/{}/limits", agent.pid());
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok());
    hard.with_context(|| format!("no limit of open files in {path}"))
}
