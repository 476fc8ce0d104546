//! The table of a run, and its JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::sheet::{Sheet, Spread, Unit, Who};
use super::stage::Stage;
use crate::host;

const VERSION: u32 = 1;
const SUBJECTS: [(Who, &str); 4] = [
    (Who::Agent, "agent"),
    (Who::Exitsnoop, "exitsnoop"),
    (Who::Reference, "minimal probe"),
    (Who::Machine, "neither"),
];

/// A run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    version: u32,
    /// Processor, CPUs, kernel.
    pub(super) machine: String,
    date: String,
    command: String,
    rounds: usize,
    missing: Vec<String>,
    pub(super) rows: Vec<Line>,
}

/// A row of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) unit: Unit,
    pub(super) goal: Option<f64>,
    pub(super) tolerance: Option<f64>,
    pub(super) slack: f64,
    pub(super) subjects: BTreeMap<Who, Spread>,
}

impl Report {
    pub(super) fn of(sheet: &Sheet, stage: &Stage) -> Self {
        let line = |(row, subjects): (&super::sheet::Row, _)| Line {
            id: row.id.to_owned(),
            title: row.title.to_owned(),
            unit: row.unit,
            goal: row.goal,
            tolerance: row.tolerance.is_finite().then_some(row.tolerance),
            slack: row.slack,
            subjects,
        };
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        Self {
            version: VERSION,
            machine: host::describe(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            command: format!("cargo xtask {}", arguments.join(" ")),
            rounds: stage.rounds(),
            missing: stage.missing.clone(),
            rows: sheet.spreads().map(line).collect(),
        }
    }

    /// The report of an earlier run.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let report: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a report of `bench --json`", path.display()))?;
        ensure!(
            report.version == VERSION,
            "{} is a report of another version; measure it anew",
            path.display()
        );
        Ok(report)
    }
}

impl Display for Report {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.machine)?;
        writeln!(
            to,
            "{}, {}, {} rounds",
            self.date, self.command, self.rounds
        )?;
        writeln!(to, "each cell: median (quartiles)\n")?;
        write!(to, "{:34} {:11} {:>7}", "", "", "goal")?;
        for (_, name) in SUBJECTS {
            write!(to, " | {name:^24}")?;
        }
        writeln!(to)?;
        for line in &self.rows {
            let goal = line.goal.map(number).unwrap_or_default();
            write!(to, "{:34} {:11} {goal:>7}", line.title, line.unit.name())?;
            for (who, _) in SUBJECTS {
                let cell = line.subjects.get(&who).map(cell).unwrap_or_default();
                write!(to, " | {cell:24}")?;
            }
            writeln!(to)?;
        }
        for missing in &self.missing {
            writeln!(to, "\nnot measured: {missing}")?;
        }
        Ok(())
    }
}

fn cell(spread: &Spread) -> String {
    let [low, high] = spread.quartiles.map(number);
    format!("{:>8} ({low} to {high})", number(spread.median))
}

/// With three digits that matter.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
