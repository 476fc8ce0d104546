//! Lets an agent live through everything that hosts and clients do to it, again and again, and
//! compares its books with those of the programs that made the deaths.
//!
//! The agent runs in a cgroup with the memory limit of its manifest. Each actor does one thing; the
//! books are balanced after each, and memory and descriptors are compared after each round. The clock
//! is not stepped, since it is that of the whole machine: `clocks` in the live tests does it in
//! virtual machines.

mod actors;
mod books;
mod cage;
mod log;
mod port;
mod scale;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use self::actors::ACTORS;
use self::stage::{Stage, Use};
use crate::cli::Soak;
use crate::{host, run, statics, stop};

/// Growth from the end of the first round that counts as flat: what the tables keep for a while.
const FLAT_BYTES: u64 = 16 << 20;
const FLAT_DESCRIPTORS: usize = 8;

/// `cargo xtask soak`.
pub(crate) fn main(options: &Soak) -> Result<ExitCode> {
    if let Some(lack) = host::no_probes() {
        bail!("cannot run an agent: {lack}");
    }
    stop::take_signals()?;
    let (program, scenarios) = programs(options)?;
    if let Some(names) = &options.scale {
        return scale::main(&program, &scenarios, names);
    }
    let began = Instant::now();
    let mut stage = Stage::new(&program, scenarios)?;
    println!("{}", host::describe());
    println!("{}\n", humantime::format_rfc3339_seconds(SystemTime::now()));
    println!("round | actor        |   deaths |   s");
    println!("------+--------------+----------+----");
    let lived = live(options, &mut stage, began);
    let logged = stage.end();
    lived?;
    logged?;
    println!("\nbalanced and flat for {} s", began.elapsed().as_secs());
    println!("not here: a stepped clock (`cargo xtask vm` steps those of its machines: clock_*)");
    Ok(ExitCode::SUCCESS)
}

/// Round after round, until the time is over or something is wrong.
fn live(options: &Soak, stage: &mut Stage, began: Instant) -> Result<()> {
    let duration = Duration::from_secs(60 * options.minutes);
    let mut first = None;
    for round in 1.. {
        for actor in ACTORS {
            let acted = Instant::now();
            let deaths = (actor.act)(stage)
                .and_then(|deaths| stage.balance(deaths).map(|()| deaths))
                .with_context(|| format!("round {round}, {}", actor.name))?;
            let seconds = acted.elapsed().as_secs();
            println!("{round:5} | {:12} | {deaths:8} | {seconds:3}", actor.name);
        }
        let now = stage.at_rest()?;
        println!("{round:5} | at rest: {now}");
        let first = *first.get_or_insert(now);
        is_flat(first, now)?;
        if options.quick || began.elapsed() >= duration {
            break;
        }
    }
    Ok(())
}

/// The agent, and what makes the deaths.
fn programs(options: &Soak) -> Result<(PathBuf, PathBuf)> {
    if options.quick {
        let built = statics::build_for_tests()?;
        return Ok((built.reapwatch, built.scenarios));
    }
    let or_build = |given: &Option<PathBuf>, package| match given {
        Some(program) => Ok(program.clone()),
        None => run::build_release(package),
    };
    Ok((
        or_build(&options.program, "reapwatch")?,
        or_build(&options.scenarios, "scenarios")?,
    ))
}

fn is_flat(first: Use, now: Use) -> Result<()> {
    if now.bytes > first.bytes + FLAT_BYTES {
        bail!("memory has grown since the first round: {first}, then {now}");
    }
    if now.descriptors > first.descriptors + FLAT_DESCRIPTORS {
        bail!("descriptors have grown since the first round: {first}, then {now}");
    }
    Ok(())
}
