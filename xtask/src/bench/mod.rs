//! Measures what the agent costs, beside exitsnoop and a minimal probe.
//!
//! Each round measures every row once, so that a drift of the machine spreads over all of them, and
//! a ratio is made of two numbers of the same round.

mod compare;
pub(crate) mod culprits;
mod exitsnoop;
mod load;
mod reference;
mod report;
mod rows;
mod sheet;
mod stage;
mod subject;
pub(crate) mod top;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use self::report::Report;
use self::sheet::Sheet;
use self::stage::Stage;
use crate::cli::Bench;
use crate::host;

/// `cargo xtask bench`.
pub(crate) fn main(options: &Bench) -> Result<ExitCode> {
    if let Some(lack) = host::no_probes() {
        anyhow::bail!("cannot measure an agent: {lack}");
    }
    // Read first, so that a wrong file is reported before minutes of work.
    let earlier = options.compare.as_deref().map(Report::read).transpose()?;
    let chosen = rows::chosen(&options.only)?;
    let stage = Stage::build(options)?;
    let mut sheet = Sheet::default();
    for round in 0..stage.rounds() {
        eprintln!("round {} of {}", round + 1, stage.rounds());
        for rows in &chosen {
            (rows.measure)(&stage, round, &mut sheet)
                .with_context(|| format!("measure `{}`", rows.name))?;
        }
    }
    ensure!(!sheet.is_empty(), "nothing was measured");
    let report = Report::of(&sheet, &stage);
    print!("{report}");
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    match earlier {
        Some(earlier) => Ok(compare::print(&report, &earlier)),
        None => Ok(ExitCode::SUCCESS),
    }
}
