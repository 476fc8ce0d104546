//! The live tests on Debian's kernels, each in a virtual machine.

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
use self::serial::{CameTo, End};
use crate::setup::{self, Purpose};
use crate::statics;
use crate::{cli, host};

/// Machines at one time: each takes half a gigabyte, and a core for four fifths of the time, so
/// that one more than there are cores leaves none idle.
fn side_by_side() -> usize {
    1 + host::cpus()
}

/// A kernel and what came of it.
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
    let fetched = fetched.ok().context("the fetching panicked")?;
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

/// Only builds what a machine starts with.
fn pack(file: &Path) -> Result<ExitCode> {
    fs::write(file, pack_programs()?).with_context(|| format!("write {}", file.display()))?;
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs each kernel that is there, some at a time; in their order.
fn run_all(kernels: &[(Kernel, Result<()>)], initramfs: &Path) -> Vec<Outcome> {
    let left = Mutex::new(kernels.iter());
    // The newest are the slowest, and so the first.
    let next = || left.lock().ok()?.next_back();
    let work = || {
        let mut done = Vec::new();
        while let Some((kernel, fetched)) = next() {
            let outcome = match fetched {
                Ok(()) => machine::run(kernel, initramfs),
                Err(error) => Err(anyhow::anyhow!("cannot be had: {error:#}")),
            };
            println!("{}", summary(kernel, &outcome));
            done.push((kernel.clone(), outcome));
        }
        done
    };
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        let threads: Vec<_> = (0..side_by_side()).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    });
    let place = |name: &str| kernels.iter().position(|(kernel, _)| kernel.name == name);
    outcomes.sort_by_key(|(kernel, _)| place(&kernel.name));
    outcomes
}

/// One line a kernel, when it is done.
fn summary(kernel: &Kernel, outcome: &Result<Run>) -> String {
    let name = format!("{:5} {} {}", kernel.name, kernel.package, kernel.version);
    match outcome {
        Err(error) => format!("{name}: FAILED, {error:#}"),
        Ok(run) => {
            let End {
                passed,
                failed,
                skipped,
            } = run.serial.end.unwrap_or_default();
            let seconds = run.took.as_secs_f64();
            let again = match run.lost_boots {
                0 => String::new(),
                lost => format!(", {lost} boots lost by the emulator"),
            };
            let verdict = if run.broken.is_some() { "BROKEN, " } else { "" };
            format!(
                "{name}: {verdict}{passed} passed, {failed} failed, {skipped} skipped \
                 in {seconds:.0} s{again}"
            )
        }
    }
}

/// Tells what failed and why, then the table; how much failed.
fn report(outcomes: &[Outcome], whole_matrix: bool) -> u64 {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut told = Vec::new();
    for (kernel, outcome) in outcomes {
        let run = match outcome {
            Ok(run) => run,
            Err(error) => {
                println!("\n{}: {error:#}", kernel.name);
                failed += 1;
                continue;
            }
        };
        let of_tests = run.serial.end.unwrap_or_default();
        passed += of_tests.passed;
        failed += of_tests.failed;
        skipped += of_tests.skipped;
        for verdict in &run.serial.verdicts {
            if let CameTo::Failed(why) = &verdict.came_to {
                let why: String = why.chars().take(200).collect();
                println!("\n{} {} {}: {why}", kernel.name, verdict.hook, verdict.test);
            }
        }
        if let Some(why) = &run.broken {
            println!("\n{}: {why}", kernel.name);
            failed += 1;
        }
        if run.broken.is_some() || of_tests.failed > 0 {
            println!("all it said: {}", run.log.display());
        }
        told.push((kernel, run.serial.verdicts.as_slice()));
    }
    let mut surprises: Vec<_> = told.iter().copied().flat_map(lacks::surprises).collect();
    if whole_matrix && told.len() == outcomes.len() {
        surprises.extend(lacks::played_nowhere(&told));
    }
    for surprise in &surprises {
        println!("\n{surprise}");
    }
    failed += surprises.len() as u64;
    println!("\n{}", table::render(&told));
    for line in lacks::lines(&told) {
        println!("{line}");
    }
    for (kernel, outcome) in outcomes {
        for line in outcome.iter().flat_map(|run| &run.serial.noise) {
            println!("{} {line}", kernel.name);
        }
    }
    println!("vm: {passed} passed, {failed} failed, {skipped} skipped");
    failed
}
