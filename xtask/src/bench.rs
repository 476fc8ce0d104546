//! Measures the overhead of the agent.
//!
//! Rounds with and without the agent alternate, and only the ratio within a pair counts, so other
//! load on the machine affects both alike.

use std::hint::black_box;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::getppid;

use crate::agent::Agent;
use crate::cli::Bench;
use crate::quantile::quantile;
use crate::{host, run};

/// A single getppid is too short to be timed.
const GETPPID_CALLS: u32 = 200_000;

/// After this time the agent has handled all exits.
const DRAIN: Duration = Duration::from_millis(300);

const IDLE: Duration = Duration::from_secs(5);

/// The results of a pair of rounds.
struct Pair {
    /// Time per cycle of vfork, exit and wait.
    cycle: Ratio,
    /// Time per getppid.
    getppid: Ratio,
    /// CPU time of the agent per exit.
    cpu_per_exit: Duration,
    source: String,
    resident: u64,
}

#[derive(Clone, Copy)]
struct Ratio {
    without: f64,
    with: f64,
}

/// `cargo xtask bench`.
pub(crate) fn main(options: &Bench) -> Result<ExitCode> {
    let program = run::build_agent()?;
    // The first round warms up the caches.
    cycles(options.cycles)?;
    let mut pairs = Vec::new();
    for index in 0..options.pairs {
        // The order alternates, so that a drift of the machine cancels out.
        let early = if index % 2 == 0 {
            Some(round(options)?)
        } else {
            None
        };
        let agent = Agent::start(&program)?;
        let cpu_before = agent.cpu()?;
        let with = round(options)?;
        thread::sleep(DRAIN);
        let cpu = agent.cpu()?.saturating_sub(cpu_before);
        let (source, resident) = (agent.source()?, agent.resident()?);
        drop(agent);
        let without = early.map_or_else(|| round(options), Ok)?;
        pairs.push(Pair {
            cycle: Ratio {
                without: without.0,
                with: with.0,
            },
            getppid: Ratio {
                without: without.1,
                with: with.1,
            },
            cpu_per_exit: cpu / options.cycles,
            source,
            resident,
        });
    }
    let agent = Agent::start(&program)?;
    thread::sleep(DRAIN);
    let cpu_before = agent.cpu()?;
    thread::sleep(IDLE);
    let idle = agent.cpu()?.saturating_sub(cpu_before).as_secs_f64() / IDLE.as_secs_f64();
    report(options, &pairs, idle)
}

/// Seconds per cycle and per getppid.
fn round(options: &Bench) -> Result<(f64, f64)> {
    Ok((cycles(options.cycles)?, getppids()))
}

/// Seconds per cycle of vfork, exit and wait.
fn cycles(count: u32) -> Result<f64> {
    let mut stack = vec![0; 64 << 10];
    let began = Instant::now();
    for _ in 0..count {
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child has its own stack and only exits, and we sleep until it has.
        let child = unsafe {
            clone(
                Box::new(|| 0),
                &mut stack,
                flags,
                Some(Signal::SIGCHLD as i32),
            )
        };
        waitpid(child.context("create a child")?, None).context("wait for the child")?;
    }
    Ok(began.elapsed().as_secs_f64() / f64::from(count))
}

/// Seconds per getppid.
fn getppids() -> f64 {
    let began = Instant::now();
    for _ in 0..GETPPID_CALLS {
        black_box(getppid());
    }
    began.elapsed().as_secs_f64() / f64::from(GETPPID_CALLS)
}

fn report(options: &Bench, pairs: &[Pair], idle: f64) -> Result<ExitCode> {
    let last = pairs.last().context("no pairs to measure")?;
    let Bench {
        pairs: count,
        cycles,
        ..
    } = options;
    println!("{}", host::describe());
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    println!(
        "source {}, {date}, {count} pairs of rounds of {cycles} exits\n",
        last.source
    );
    println!("                    | without | with agent | ratio: median (quartiles)");
    println!("--------------------+---------+------------+--------------------------");
    line("vfork+exit+wait, us ", pairs, |pair| pair.cycle, 1e6);
    line("getppid, ns         ", pairs, |pair| pair.getppid, 1e9);
    let cpu = sorted(pairs, |pair| pair.cpu_per_exit.as_secs_f64() * 1e6);
    println!(
        "\nagent CPU per exit: {:.2} us; idle: {:.3} % of a CPU",
        quantile(&cpu, 0.5),
        idle * 100.0
    );
    println!("agent memory (RSS): {:.1} MB", last.resident as f64 / 1e6);
    Ok(ExitCode::SUCCESS)
}

fn line(name: &str, pairs: &[Pair], value: fn(&Pair) -> Ratio, unit: f64) {
    let without = sorted(pairs, |pair| value(pair).without * unit);
    let with = sorted(pairs, |pair| value(pair).with * unit);
    let ratios = sorted(pairs, |pair| value(pair).with / value(pair).without);
    println!(
        "{name}| {:7.2} | {:10.2} | {:.3} ({:.3} to {:.3})",
        quantile(&without, 0.5),
        quantile(&with, 0.5),
        quantile(&ratios, 0.5),
        quantile(&ratios, 0.25),
        quantile(&ratios, 0.75),
    );
}

fn sorted(pairs: &[Pair], value: impl Fn(&Pair) -> f64) -> Vec<f64> {
    let mut values: Vec<_> = pairs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values
}
