//! The time that the probes run for each exit, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

use super::Rows;
use crate::bench::sheet::{Row, Sheet, Unit, Who};
use crate::bench::stage::Stage;
use crate::usage::program_ns;

pub(super) const ROWS: Rows = Rows {
    name: "kernel",
    measure,
};

const SUBJECTS: [Who; 3] = [Who::Agent, Who::Exitsnoop, Who::Reference];

/// Each kind of exit, with how many of them.
static KINDS: [(&str, u32, Row); 4] = [
    ("fork", 400, row("kernel_fork", "probes for a fork", 980.0)),
    (
        "vfork",
        3_000,
        row("kernel_vfork", "probes for a vfork", 670.0),
    ),
    (
        "spawn",
        150,
        row("kernel_spawn", "probes for a spawn", 1_400.0),
    ),
    (
        "thread",
        3_000,
        row("kernel_thread", "probes for a thread", 109.0),
    ),
];

const fn row(id: &'static str, title: &'static str, goal: f64) -> Row {
    Row {
        id,
        title,
        unit: Unit::Nanoseconds,
        goal: Some(goal),
        tolerance: 0.15,
        slack: 30.0,
    }
}

fn measure(stage: &Stage, round: usize, sheet: &mut Sheet) -> Result<()> {
    // Counting costs time itself, so it is off in all other measurements.
    let _counting = Counting::begin()?;
    for who in stage.order(round, &SUBJECTS) {
        let subject = stage.start(who)?;
        let pid = subject.pid().context("it has no programs")?;
        for (kind, count, row) in &KINDS {
            let load = stage.exits(kind, *count).prepare()?;
            let before = program_ns(pid)?;
            let made = load.run()?;
            let ran = program_ns(pid)?.saturating_sub(before);
            sheet.add(row, who, ran as f64 / f64::from(made.count));
        }
    }
    Ok(())
}

/// The kernel counts the time of programs until this is dropped.
struct Counting {
    before: String,
}

const COUNTS: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl Counting {
    fn begin() -> Result<Self> {
        let before = fs::read_to_string(COUNTS).with_context(|| format!("read {COUNTS}"))?;
        fs::write(COUNTS, "1").with_context(|| format!("write {COUNTS}"))?;
        Ok(Self { before })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Err(error) = fs::write(COUNTS, &self.before) {
            eprintln!("xtask: cannot restore {COUNTS}: {error}");
        }
    }
}
