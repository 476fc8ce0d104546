//! Runs the live tests on Debian's kernels, each in a virtual machine.

mod archive;
mod fetch;
mod kernels;
mod lacks;
mod machine;
mod programs;
mod serial;
mod table;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};

use self::kernels::Kernel;
use self::machine::Run;
use self::serial::TestResult;
use crate::setup::{self, Purpose};
use crate::statics;
use crate::tally::Tally;
use crate::{cli, host};

/// How many machines run at a time. A machine waits a fifth of its time, so one more than there are
/// cores keeps all cores busy.
fn machines_at_a_time() -> usize {
    1 + host::cpus()
}

/// A kernel and the result of its machine.
type Outcome = (Kernel, Result<Run>);

/// `cargo xtask vm`.
pub(crate) fn main(options: &cli::Vm) -> Result<ExitCode> {
    if let Some(file) = &options.pack {
        return pack(file);
    }
    let cli::Vm {
        kernels: names,
        all,
        rounds,
        ..
    } = options;
    let began = Instant::now();
    setup::ensure(Purpose::Vm)?;
    let kernels = kernels::choose(names, *all)?;
    let (packed, fetched) = thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch::ensure_all(&kernels));
        (pack_programs(), fetching.join())
    });
    let fetched = fetched.ok().context("the download thread panicked")?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let initramfs = folder.path().join("initramfs");
    fs::write(&initramfs, packed?).context("write the initramfs")?;
    println!(
        "vm: built and fetched in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let kernels: Vec<_> = kernels.into_iter().zip(fetched).collect();
    for round in 1..=*rounds {
        if *rounds > 1 {
            println!("vm: round {round} of {rounds}");
        }
        let outcomes = run_all(&kernels, &initramfs);
        let failed = report(&outcomes, names.is_empty());
        println!("vm: all done in {:.0} s", began.elapsed().as_secs_f64());
        if failed > 0 {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn pack_programs() -> Result<Vec<u8>> {
    programs::pack(&statics::build_for_tests()?)
}

/// Only writes the initramfs.
fn pack(file: &Path) -> Result<ExitCode> {
    fs::write(file, pack_programs()?).with_context(|| format!("write {}", file.display()))?;
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs every kernel that was fetched. The results are in the order of the matrix.
fn run_all(kernels: &[(Kernel, Result<()>)], initramfs: &Path) -> Vec<Outcome> {
    // Those with all tests take the longest, so they start first.
    let mut queue: Vec<_> = kernels.iter().rev().collect();
    queue.sort_by_key(|(kernel, _)| kernel.deaths_only);
    let queue = Mutex::new(queue.into_iter());
    let next = || queue.lock().ok()?.next();
    let work = || {
        let mut done = Vec::new();
        while let Some((kernel, fetched)) = next() {
            let outcome = match fetched {
                Ok(()) => machine::run(kernel, initramfs),
                Err(error) => Err(anyhow::anyhow!("cannot fetch it: {error:#}")),
            };
            println!("{}", summary(kernel, &outcome));
            done.push((kernel.clone(), outcome));
        }
        done
    };
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        let threads: Vec<_> = (0..machines_at_a_time())
            .map(|_| scope.spawn(work))
            .collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    });
    let place = |name: &str| kernels.iter().position(|(kernel, _)| kernel.name == name);
    outcomes.sort_by_key(|(kernel, _)| place(&kernel.name));
    outcomes
}

/// The line that is printed when a kernel is done.
fn summary(kernel: &Kernel, outcome: &Result<Run>) -> String {
    let name = format!("{:5} {} {}", kernel.name, kernel.package, kernel.version);
    match outcome {
        Err(error) => format!("{name}: FAILED, {error:#}"),
        Ok(run) => {
            let tally = run.serial.end.unwrap_or_default();
            let seconds = run.took.as_secs_f64();
            let again = match run.lost_boots {
                0 => String::new(),
                lost => format!(", {lost} boots failed in the emulator"),
            };
            let verdict = if run.broken.is_some() { "BROKEN, " } else { "" };
            format!("{name}: {verdict}{tally} in {seconds:.0} s{again}")
        }
    }
}

/// Prints the failures with their reasons, then the table. Returns the number of failures.
fn report(outcomes: &[Outcome], whole_matrix: bool) -> u64 {
    let mut tally = Tally::default();
    let mut results = Vec::new();
    for (kernel, outcome) in outcomes {
        let run = match outcome {
            Ok(run) => run,
            Err(error) => {
                println!("\n{}: {error:#}", kernel.name);
                tally.failed += 1;
                continue;
            }
        };
        let end = run.serial.end.unwrap_or_default();
        tally += end;
        for verdict in &run.serial.verdicts {
            if let TestResult::Failed(why) = &verdict.result {
                let why: String = why.chars().take(200).collect();
                println!("\n{} {} {}: {why}", kernel.name, verdict.hook, verdict.test);
            }
        }
        if let Some(why) = &run.broken {
            println!("\n{}: {why}", kernel.name);
            tally.failed += 1;
        }
        if run.broken.is_some() || end.failed > 0 {
            println!("full log: {}", run.log.display());
        }
        results.push((kernel, run.serial.verdicts.as_slice()));
    }
    let mut unexpected: Vec<_> = results
        .iter()
        .copied()
        .flat_map(lacks::unexpected)
        .collect();
    if whole_matrix && results.len() == outcomes.len() {
        unexpected.extend(lacks::run_nowhere(&results));
    }
    for line in &unexpected {
        println!("\n{line}");
    }
    tally.failed += unexpected.len() as u64;
    println!("\n{}", table::render(&results));
    for line in lacks::lines(&results) {
        println!("{line}");
    }
    for (kernel, outcome) in outcomes {
        for line in outcome.iter().flat_map(|run| &run.serial.noise) {
            println!("{} {line}", kernel.name);
        }
    }
    println!("vm: {tally}");
    tally.failed
}
