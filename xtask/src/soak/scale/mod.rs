//! How the agent does among very many zombies, processes, cgroups and exits: one trial after the
//! other, each with an agent of its own.

mod limits;
pub(super) mod load;
mod trial;

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;
use std::{fs, io};

use anyhow::{Result, bail};

use self::limits::Limits;
use self::load::Kind;
use self::trial::{Seen, Trial};
use crate::host;

static TRIALS: [Trial; 7] = [
    limited("zombies-10k", Kind::Zombies(10_000)),
    limited("zombies-100k", Kind::Zombies(100_000)),
    limited("zombies-400k", Kind::Zombies(400_000)),
    Trial {
        name: "zombies-400k-unlimited",
        kind: Kind::Zombies(400_000),
        is_limited: false,
    },
    limited("processes-300k", Kind::Sleepers(300_000)),
    limited("cgroups-5k", Kind::Cgroups(5_000)),
    limited("exits-1m", Kind::Exits(1_000_000)),
];

/// A trial in the memory limit of the manifest.
const fn limited(name: &'static str, kind: Kind) -> Trial {
    Trial {
        name,
        kind,
        is_limited: true,
    }
}

/// `cargo xtask soak --scale`.
pub(super) fn main(program: &Path, scenarios: &Path, names: &[String]) -> Result<ExitCode> {
    let is_known = |name: &&String| TRIALS.iter().any(|trial| trial.name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let known = TRIALS.iter().map(|trial| trial.name);
        bail!(
            "no trial {unknown}: choose from {}",
            known.collect::<Vec<_>>().join(", ")
        );
    }
    let _limits = Limits::raise()?;
    println!("{}", host::describe());
    println!("{}\n", humantime::format_rfc3339_seconds(SystemTime::now()));
    println!("load: of the machine. rest, peak, after: RSS in MB, `after` a minute later.");
    println!("CPU: of a core. list: all zombies. turn: the longest of the loop, in CPU time;");
    println!(
        "answer: the longest while it answers. other: the longest wait of another client then.\n"
    );
    println!(
        "trial                  | load | rest | peak | after | exits/s | CPU % | list ms | turn ms \
         | answer ms | other ms |   lost | unlisted | counts"
    );
    let mut is_exact = true;
    for trial in &TRIALS {
        if names.is_empty() || names.iter().any(|name| name == trial.name) {
            let seen = trial.run(program, scenarios)?;
            is_exact &= seen.faults.is_empty();
            print(trial, &seen)?;
        }
    }
    Ok(if is_exact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(trial: &Trial, seen: &Seen) -> io::Result<()> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or("?");
    let megabytes = |bytes| bytes as f64 / 1e6;
    let counts = match &seen.faults[..] {
        [] => "exact".to_owned(),
        faults => faults.join("; "),
    };
    println!(
        "{:22} | {load:>4} | {:4.1} | {:4.1} | {:5.1} | {:7.0} | {:5.2} | {:7.0} | {:7.1} | \
         {:9.1} | {:8.1} | {:6} | {:8} | {counts}",
        trial.name,
        megabytes(seen.rest_bytes),
        megabytes(seen.peak_bytes),
        megabytes(seen.after_bytes),
        seen.exits_per_second,
        seen.cpu_percent,
        seen.list_ms,
        seen.turn_ms,
        seen.answer_ms,
        seen.other_ms,
        seen.lost,
        seen.unlisted,
    );
    Ok(())
}
