//! `scenarios`: makes deaths with a known truth and prints it, one JSON object per line.

use std::io::{Read, Write, stdin, stdout};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::Serialize;

use scenarios::cases::{Outcome, SCENARIOS, core_pipe, crowd, exec, find, reap, unreaped};
use scenarios::guard::Children;
use scenarios::lacking::Lacking;
use scenarios::truth::{How, Lack, Truth};
use scenarios::{culprits, exits, fails, load, pod, slow, stays, stuck};

/// Deaths with a known truth, for the tests of reapwatch.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the scenarios.
    List,
    /// Run scenarios and print each death; zombies left over stay until stdin closes.
    Run {
        /// Names from the list, or `all`.
        #[arg(required = true)]
        names: Vec<String>,
        /// Keep zombies that are left over for this many seconds instead.
        #[arg(long, value_name = "SECONDS")]
        hold: Option<f64>,
    },
    /// Make zombies that stay until stdin closes.
    Leak {
        /// How many.
        #[arg(long, default_value_t = 300)]
        count: u32,
        /// Keep them for this many seconds instead.
        #[arg(long, value_name = "SECONDS")]
        hold: Option<f64>,
    },
    /// Make many processes that stay until stdin closes; prints the PID of their parent.
    Load {
        /// Number of zombies, which are never reaped.
        #[arg(long, default_value_t = 0)]
        zombies: usize,
        /// Number of sleeping processes.
        #[arg(long, default_value_t = 0)]
        sleepers: usize,
    },
    /// Become a parent that does not reap, and print which verdict is true of it; until stdin
    /// closes.
    Culprit {
        /// A name from `culprits`.
        name: String,
    },
    /// List the ways not to reap.
    Culprits,
    /// Keep a process in a state until stdin closes, and print which.
    Stay {
        /// `leader_exited`, `exiting`, `dead_pidfds`, `reused` or `filled`.
        name: String,
    },
    /// Make a process that does not die, and print the truth about it; until stdin closes.
    Stuck {
        /// A name from `stucks`.
        name: String,
    },
    /// Act as a container of a pod, mostly without end.
    Pod {
        /// Such as `pause`, `app`, `leaky` or `probe`; see pod.rs.
        part: String,
    },
    /// List the ways not to die.
    Stucks,
    /// What takes core dumps in a scenario and reads none.
    #[command(name = stuck::READER, hide = true)]
    CoreReader { flag: PathBuf },
    /// Children that exit and are reaped at once, as fast as possible; prints one summary.
    Burst {
        /// How many.
        #[arg(long, default_value_t = 2000)]
        count: u32,
    },
    /// The same in the tens of thousands, for floods and cost.
    Cycles {
        /// How many.
        #[arg(long, default_value_t = 20_000)]
        count: u32,
    },
    /// Exits of one kind once stdin closes, to measure what watching them costs; prints how many
    /// there were, and how long they took.
    Exits(exits::Flood),
    /// Children that stay zombies for an exact time, to compare with what a watcher measured.
    Accuracy {
        /// How long each stays a zombie, in milliseconds.
        #[arg(long, default_value_t = 1.0, value_name = "MILLISECONDS")]
        delay: f64,
        /// How many.
        #[arg(long, default_value_t = 50)]
        count: u32,
    },
    /// Make a slow exit, and print its slow step.
    Slow {
        /// Its name.
        name: String,
    },
    /// Fail while children sleep.
    #[command(name = fails::NAME, hide = true)]
    Fail,
    /// What reads a core dump.
    #[command(name = slow::READ_LATE, hide = true)]
    ReadLate,
    /// What the exec scenarios become.
    #[command(name = exec::AFTER_EXEC, hide = true)]
    AfterExec { pipe: i32, comm: String },
    /// What takes a core dump from the kernel.
    #[command(name = core_pipe::TAKE_CORE, hide = true)]
    TakeCore,
}

fn main() -> ExitCode {
    let children = Children::of_this_process();
    match run(Cli::parse().command) {
        Ok(code) => {
            children.leave();
            code
        }
        Err(error) => {
            eprintln!("scenarios: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::List => list()?,
        Command::Run { names, hold } => run_named(&names, hold)?,
        Command::Leak { count, hold } => keep(&unreaped::leak(count)?, hold)?,
        Command::Load { zombies, sleepers } => {
            load::make(zombies, sleepers)?;
            print(&std::process::id())?;
            wait_for_end()?;
        }
        Command::Culprit { name } => {
            let case = culprits::find(&name).with_context(|| format!("no culprit `{name}`"))?;
            case.keep(print, stdin())?;
        }
        Command::Culprits => {
            for case in culprits::CASES {
                writeln!(stdout(), "{:24} {}", case.name, case.verdict)?;
            }
        }
        Command::Stay { name } => stays::keep(&name, print, stdin())?,
        Command::Stuck { name } => {
            let case = stuck::find(&name).with_context(|| format!("no stuck `{name}`"))?;
            case.keep(print, stdin())?;
        }
        Command::Pod { part } => pod::run(&part)?,
        Command::Stucks => {
            for case in stuck::CASES {
                writeln!(stdout(), "{:24} {}", case.name, case.verdict)?;
            }
        }
        Command::CoreReader { flag } => stuck::read_nothing(&flag),
        Command::Burst { count } => print(&crowd::cycles("burst", c"rw-burst", count)?)?,
        Command::Cycles { count } => print(&crowd::cycles("cycles", c"rw-cycles", count)?)?,
        Command::Exits(flood) => {
            wait_for_end()?;
            print(&flood.run()?)?;
        }
        Command::Accuracy { delay, count } => {
            let delay = Duration::from_secs_f64(delay / 1e3);
            reap::accuracy(count, delay)?.iter().try_for_each(print)?;
        }
        Command::Slow { name } => {
            let case = slow::CASES.iter().find(|case| case.name == name);
            let case = case.with_context(|| format!("no slow exit `{name}`"))?;
            match case.run() {
                Ok(exit) => print(&exit)?,
                Err(error) => print(&Lack {
                    lacks: error.downcast::<Lacking>()?.to_string(),
                    name,
                })?,
            }
        }
        Command::Fail => fails::beside_sleepers()?,
        Command::ReadLate => slow::read_late()?,
        Command::AfterExec { pipe, comm } => {
            // SAFETY: the process that exec'ed this one left the descriptor to it.
            exec::after_exec(&unsafe { OwnedFd::from_raw_fd(pipe) }, &comm)?;
            return Ok(ExitCode::from(exec::CODE));
        }
        Command::TakeCore => core_pipe::take()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<()> {
    for scenario in SCENARIOS {
        writeln!(stdout(), "{:20} {}", scenario.name, scenario.shows)?;
    }
    Ok(())
}

fn run_named(names: &[String], hold: Option<f64>) -> Result<()> {
    let chosen = if names == ["all"] {
        SCENARIOS.iter().collect()
    } else {
        let known = |name: &String| find(name).with_context(|| format!("no scenario `{name}`"));
        names.iter().map(known).collect::<Result<Vec<_>>>()?
    };
    for scenario in chosen {
        match scenario.run()? {
            Outcome::Deaths(truths) => keep(&truths, hold)?,
            Outcome::Lacking(lack) => print(&lack)?,
        }
    }
    Ok(())
}

/// Prints the truths, and stays while it is the parent of zombies.
fn keep(truths: &[Truth], hold: Option<f64>) -> Result<()> {
    truths.iter().try_for_each(print)?;
    let ours = |truth: &Truth| truth.how == How::Never && truth.parent == std::process::id();
    match hold {
        _ if !truths.iter().any(ours) => {}
        Some(seconds) => std::thread::sleep(Duration::from_secs_f64(seconds)),
        None => wait_for_end()?,
    }
    Ok(())
}

fn wait_for_end() -> Result<()> {
    let mut nothing = Vec::new();
    stdin()
        .read_to_end(&mut nothing)
        .context("cannot read stdin")?;
    Ok(())
}

fn print(line: &impl Serialize) -> Result<()> {
    writeln!(stdout(), "{}", serde_json::to_string(line)?).context("cannot print")
}
