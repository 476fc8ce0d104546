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

use self::kernels::{Kernel, Part};
use self::machine::Run;
use self::serial::{TestResult, Verdict};
use crate::arch::Arch;
use crate::cli::{self, Purpose};
use crate::host;
use crate::setup;
use crate::statics;
use crate::tally::Tally;

/// How many machines run at a time. A machine waits a fifth of its time, so one more than there are
/// cores keeps all cores busy.
fn machines_at_a_time() -> usize {
    1 + host::cpus()
}

/// A machine and what came of it.
struct Outcome {
    kernel: Kernel,
    part: Part,
    result: Result<Run>,
}

/// `cargo xtask vm`.
pub(crate) fn main(options: &cli::Vm) -> Result<ExitCode> {
    if let Some(file) = &options.pack {
        return pack(options.arch, file);
    }
    let cli::Vm {
        kernels: names,
        all,
        rounds,
        arch,
        ..
    } = options;
    let began = Instant::now();
    setup::ensure(purpose(*arch))?;
    let kernels = kernels::choose(*arch, names, *all)?;
    let (packed, fetched) = thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch::ensure_all(*arch, &kernels));
        (pack_programs(*arch), fetching.join())
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
        let outcomes = run_all(*arch, &kernels, &initramfs);
        let is_matrix = names.is_empty() && arch.is_own();
        let failed = report(&outcomes, is_matrix);
        println!("vm: all done in {:.0} s", began.elapsed().as_secs_f64());
        if failed > 0 {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What to install for machines with this processor.
fn purpose(arch: Arch) -> Purpose {
    if arch.is_own() {
        Purpose::Vm
    } else {
        Purpose::Arm64
    }
}

fn pack_programs(arch: Arch) -> Result<Vec<u8>> {
    programs::pack(&statics::build_for_tests_of(arch)?)
}

/// Only writes the initramfs.
fn pack(arch: Arch, file: &Path) -> Result<ExitCode> {
    fs::write(file, pack_programs(arch)?).with_context(|| format!("write {}", file.display()))?;
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs the machines of every kernel that was fetched. The results are in the order of the matrix.
fn run_all(arch: Arch, kernels: &[(Kernel, Result<()>)], initramfs: &Path) -> Vec<Outcome> {
    let machines = kernels.iter().enumerate().rev();
    let machines = machines.flat_map(|(place, (kernel, fetched))| {
        let parts = kernel.parts().iter();
        parts.map(move |part| (place, kernel, *part, fetched))
    });
    // Those that take the longest start first.
    let mut machines: Vec<_> = machines.collect();
    machines.sort_by_key(|(_, _, part, _)| *part == Part::Deaths);
    let queue = Mutex::new(machines.into_iter());
    let next = || queue.lock().ok()?.next();
    let work = || {
        let mut done = Vec::new();
        while let Some((place, kernel, part, fetched)) = next() {
            let result = match fetched {
                Ok(()) => machine::run(arch, kernel, part, initramfs),
                Err(error) => Err(anyhow::anyhow!("cannot fetch it: {error:#}")),
            };
            let outcome = Outcome {
                kernel: kernel.clone(),
                part,
                result,
            };
            println!("{}", summary(&outcome));
            done.push((place, outcome));
        }
        done
    };
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..machines_at_a_time())
            .map(|_| scope.spawn(work))
            .collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    });
    outcomes.sort_by_key(|(place, outcome)| (*place, outcome.part.name()));
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The line that is printed when a machine is done.
fn summary(outcome: &Outcome) -> String {
    let Outcome {
        kernel,
        part,
        result,
    } = outcome;
    let (package, version) = (&kernel.package, &kernel.version);
    let name = format!("{:5} {:6} {package} {version}", kernel.name, part.name());
    match result {
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

/// Prints the failures with their reasons in one paragraph, then the table. Returns the number of
/// failures.
fn report(outcomes: &[Outcome], whole_matrix: bool) -> u64 {
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for outcome in outcomes {
        tally += failures(outcome, &mut failed);
    }
    let results: Vec<(&Kernel, Vec<Verdict>)> = outcomes
        .chunk_by(|one, next| one.kernel.name == next.kernel.name)
        .map(|machines| {
            let runs = machines.iter().flat_map(|outcome| &outcome.result);
            let verdicts = runs.flat_map(|run| run.serial.verdicts.clone());
            (&machines[0].kernel, verdicts.collect())
        })
        .collect();
    let results: Vec<_> = results
        .iter()
        .map(|(kernel, verdicts)| (*kernel, verdicts.as_slice()))
        .collect();
    let mut unexpected: Vec<_> = results
        .iter()
        .copied()
        .flat_map(lacks::unexpected)
        .collect();
    if whole_matrix && outcomes.iter().all(|outcome| outcome.result.is_ok()) {
        unexpected.extend(lacks::run_nowhere(&results));
    }
    tally.failed += unexpected.len() as u64;
    failed.append(&mut unexpected);
    if !failed.is_empty() {
        println!("\n{}", failed.join("\n"));
    }
    println!("\n{}", table::render(&results));
    for line in lacks::lines(&results) {
        println!("{line}");
    }
    for outcome in outcomes {
        for line in outcome.result.iter().flat_map(|run| &run.serial.noise) {
            println!("{} {line}", outcome.kernel.name);
        }
    }
    println!("vm: {tally}");
    tally.failed
}

/// Adds the failures of a machine with their reasons, and what its programs said.
fn failures(outcome: &Outcome, out: &mut Vec<String>) -> Tally {
    let name = &outcome.kernel.name;
    let run = match &outcome.result {
        Ok(run) => run,
        Err(error) => {
            out.push(format!("{name}: {error:#}"));
            return Tally {
                failed: 1,
                ..Tally::default()
            };
        }
    };
    let serial = &run.serial;
    let mut tally = serial.end.unwrap_or_default();
    for verdict in &serial.verdicts {
        if let TestResult::Failed(why) = &verdict.result {
            let why: String = why.chars().take(200).collect();
            out.push(format!("{name} {} {}: {why}", verdict.hook, verdict.test));
        }
    }
    if let Some(why) = &run.broken {
        out.push(format!("{name}: {why}"));
        tally.failed += 1;
    }
    if tally.failed > 0 {
        out.push(format!("full log: {}; it ends:", run.log.display()));
        out.extend(serial.tail.iter().map(|line| format!("  {line}")));
    }
    tally
}
